"""What of ours may stand in an outside CRM, and under which of its fields.

Our fields are one closed table. The fields over there are detected; a mapping says which of ours goes into
which of theirs and who wins. What was chosen by a person stays through every new detection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any


class ObjectKind(StrEnum):
    """In the order in which they are sent: a person names its company, a task its person."""

    COMPANY = "company"
    PERSON = "person"
    TASK = "task"


class Rule(StrEnum):
    """Who wins in a field."""

    ALWAYS = "always"  # ours; what people typed over there becomes a conflict
    IF_EMPTY = "if_empty"  # theirs; ours goes where nothing stands
    NEVER = "never"  # not sent at all


class FieldType(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    INSTANT = "instant"
    FLAG = "flag"
    CHOICE = "choice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One of our fields. `names` are those it may have over there, the best first; `.` leads into a part.

    `editable`: people type it, here and there, so that both may have changed it. The others are facts of ours;
    `shared` ones are typed over there all the same, so that ours does not win over it unasked, and `followed` ones
    are taken when only they changed it.
    """

    kind: ObjectKind
    name: str
    label: str
    names: tuple[str, ...]
    rule: Rule = Rule.ALWAYS
    editable: bool = False
    shared: bool = False
    followed: bool = False

    @property
    def is_typed(self) -> bool:
        """Whether what both sides agreed on is remembered."""
        return self.editable or self.shared


@dataclass(frozen=True, slots=True)
class RemoteField:
    """A field over there, as it was detected. `options` are the values of a choice."""

    name: str
    label: str
    type: FieldType = FieldType.TEXT
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """Where one of our fields goes; to nothing: `to` is empty. `chosen` by a person, or detected."""

    to: str
    rule: Rule
    chosen: bool = False
    type: FieldType = FieldType.TEXT
    options: tuple[str, ...] = ()


Mapped = dict[str, Target]
"""Our name → where it goes, of one kind of object."""


def _person(name: str, label: str, *names: str, **more: Any) -> Field:
    return Field(kind=ObjectKind.PERSON, name=name, label=label, names=names, **more)


def _typed(name: str, label: str, *names: str) -> Field:
    return _person(name, label, *names, rule=Rule.IF_EMPTY, editable=True)


def _own(name: str, label: str, stem: str, *more: str) -> Field:
    """A fact that has no place of its own in a CRM as it is delivered: `signetStem`, `signet_stem`, or plainly."""
    return _person(name, label, f"signet{stem}", stem, *more)


def _other(kind: ObjectKind, name: str, label: str, *names: str, **more: Any) -> Field:
    return Field(kind=kind, name=name, label=label, names=names, **more)


FIELDS: tuple[Field, ...] = (
    _typed("first_name", "First name", "name.firstName", "firstname"),
    _typed("last_name", "Last name", "name.lastName", "lastname"),
    _person("email", "E-mail", "emails.primaryEmail", "email", shared=True),
    _typed("phone", "Phone", "phones.primaryPhoneNumber", "phone"),
    _typed("job_title", "Job title", "jobTitle", "jobtitle"),
    _typed("company", "Company, as typed", "signetCompany", "company"),
    _own("engagement", "Engagement", "Engagement", "engagementState"),
    _own("last_seen", "Last seen", "LastSeen", "lastSeenAt"),
    _own("version", "Version", "Version", "installedVersion"),
    _own("operating_system", "Operating system", "OperatingSystem", "os"),
    _own("nodes", "Nodes", "NodeCount", "nodes"),
    _own("cap_state", "Node cap", "CapStatus", "nodeCapStatus"),
    _own("first_source", "First source", "FirstSource", "utmSource"),
    _own("first_medium", "First medium", "FirstMedium", "utmMedium"),
    _own("first_campaign", "First campaign", "FirstCampaign", "utmCampaign"),
    _own("last_source", "Last source", "LastSource"),
    _own("last_medium", "Last medium", "LastMedium"),
    _own("last_campaign", "Last campaign", "LastCampaign"),
    _own("consent", "Consent", "Consent"),
    _own("account", "Account", "Account"),
    _other(ObjectKind.COMPANY, "name", "Name", "name", rule=Rule.IF_EMPTY, shared=True),
    _other(ObjectKind.COMPANY, "domain", "Domain", "domainName.primaryLinkUrl", "domain", shared=True),
    _other(ObjectKind.COMPANY, "customer_id", "Customer id", "signetCustomerId", "customerId"),
    _other(ObjectKind.COMPANY, "account_kind", "Kind", "signetAccountKind", "accountKind"),
    _other(ObjectKind.TASK, "title", "Title", "title", "hs_task_subject", shared=True),
    _other(ObjectKind.TASK, "text", "Text", "bodyV2.markdown", "body", "hs_task_body", shared=True),
    _other(ObjectKind.TASK, "status", "Status", "status", "hs_task_status", shared=True, followed=True),
    _other(ObjectKind.TASK, "due", "Due", "dueAt", "hs_timestamp", shared=True),
)
BY_NAME: dict[tuple[ObjectKind, str], Field] = {(field.kind, field.name): field for field in FIELDS}
IDENTITY = {ObjectKind.PERSON: "email", ObjectKind.COMPANY: "domain"}
"""The field by which an object is found over there. It is always sent and cannot be mapped away."""


def fields_of(kind: ObjectKind) -> tuple[Field, ...]:
    return tuple(field for field in FIELDS if field.kind is kind)


def mapping_detect(kind: ObjectKind, remote: Iterable[RemoteField], kept: Mapping[str, Target]) -> Mapped:
    """Map our fields to those that are there. What a person chose is kept as long as its field exists."""
    known = {_plain(field.name): field for field in remote}
    found: Mapped = {}
    for field in fields_of(kind):
        old = kept.get(field.name)
        if old is not None and old.chosen and (not old.to or _plain(old.to) in known):
            found[field.name] = _typed_as(old, known.get(_plain(old.to)))
            continue
        there = next((known[_plain(name)] for name in field.names if _plain(name) in known), None)
        rule = old.rule if old is not None else field.rule
        found[field.name] = _typed_as(Target(there.name if there else "", rule), there)
    return found


def _typed_as(target: Target, there: RemoteField | None) -> Target:
    if there is None:
        return replace(target, type=FieldType.TEXT, options=())
    return replace(target, type=there.type, options=there.options)


def _plain(name: str) -> str:
    """Names are compared without case, underscores and the like: `signet_last_seen` is `signetLastSeen`."""
    return "".join(c for c in name.lower() if c.isalnum() or c == ".")


# --- as JSON ------------------------------------------------------------------------------------------


def targets_write(mapped: Mapping[str, Target]) -> dict[str, Any]:
    return {
        name: {
            "to": target.to,
            "rule": target.rule.value,
            "chosen": target.chosen,
            "type": target.type.value,
            "options": list(target.options),
        }
        for name, target in mapped.items()
    }


def targets_read(kind: ObjectKind, stored: Mapping[str, Any]) -> Mapped:
    """What was stored, without what is no field of ours any more."""
    return {
        name: Target(
            to=said["to"],
            rule=Rule(said["rule"]),
            chosen=said["chosen"],
            type=FieldType(said["type"]),
            options=tuple(said["options"]),
        )
        for name, said in stored.items()
        if (kind, name) in BY_NAME
    }


def remote_write(fields: Iterable[RemoteField]) -> list[dict[str, Any]]:
    return [
        {"name": f.name, "label": f.label, "type": f.type.value, "options": list(f.options)} for f in fields
    ]


def remote_read(stored: Iterable[Mapping[str, Any]]) -> list[RemoteField]:
    return [
        RemoteField(said["name"], said["label"], FieldType(said["type"]), tuple(said["options"]))
        for said in stored
    ]
