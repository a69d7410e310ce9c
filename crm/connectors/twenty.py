"""Twenty, by its REST interface (`/rest/people`, `/rest/batch/people`, `/rest/metadata/objects`).

Its own upsert finds what was deleted and brings it back to life; so does nothing here. A record is looked up,
deleted ones included, then made in a batch or changed one by one. New records get an id of our own making, the
same at every try, so that a second try cannot make a second record.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from crm.connectors.base import (
    Access,
    Change,
    Looked,
    Ref,
    Seen,
    Written,
    Wrote,
    by_halves,
    encoded,
    first_general,
    listed,
    pieces,
    rows_of,
    the_rest,
)
from crm.domain.sync.failures import Failure, FailureClass
from crm.domain.sync.fields import FieldType, ObjectKind, RemoteField
from crm.domain.sync.inbound import flat, nested

BATCH = 60
ASKED_AT_ONCE = 30
"""Records in one question: twice their names must fit into an address."""
PLURAL = {ObjectKind.PERSON: "people", ObjectKind.COMPANY: "companies", ObjectKind.TASK: "tasks"}
SINGULAR = {"person": ObjectKind.PERSON, "company": ObjectKind.COMPANY, "task": ObjectKind.TASK}
IDENTITY = {ObjectKind.PERSON: "emails.primaryEmail", ObjectKind.COMPANY: "domainName.primaryLinkUrl"}
SPACE = uuid.UUID("5f0c3a1e-7a55-4d0b-9a53-51c9e7a4c0de")
ANY = "or(deletedAt[is]:NULL,deletedAt[is]:NOT_NULL)"
"""A question that names `deletedAt` is answered with the deleted, too."""
_ASKABLE = re.compile(r"[A-Za-z0-9.!#$%&*+/=?^_`{|}~@:-]{1,300}")
_PARTS = {
    "FULL_NAME": (("firstName", FieldType.TEXT), ("lastName", FieldType.TEXT)),
    "EMAILS": (("primaryEmail", FieldType.TEXT),),
    "PHONES": (("primaryPhoneNumber", FieldType.TEXT),),
    "LINKS": (("primaryLinkUrl", FieldType.TEXT),),
    "RICH_TEXT_V2": (("markdown", FieldType.TEXT),),
    "RICH_TEXT": (("markdown", FieldType.TEXT),),
}
_TYPES = {
    "TEXT": FieldType.TEXT,
    "NUMBER": FieldType.NUMBER,
    "NUMERIC": FieldType.NUMBER,
    "DATE": FieldType.DATE,
    "DATE_TIME": FieldType.INSTANT,
    "BOOLEAN": FieldType.FLAG,
    "SELECT": FieldType.CHOICE,
}
TARGETS = "taskTargets"


@dataclass(frozen=True, slots=True)
class _Target:
    """What ties a task to a person or company: its own id, our key of the task, the task's id, what it names."""

    key: str
    task_key: str
    task: str
    names: dict[str, str]


class Twenty:
    """One workspace."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._targets: list[str] = []

    # --- which fields there are -------------------------------------------------------------------

    def detect(self) -> dict[ObjectKind, list[RemoteField]] | Failure:
        """The fields of people, companies and tasks, custom ones included; of tasks also how targets are named."""
        said = self._ask("GET", "metadata/objects?limit=1000")
        if isinstance(said, Failure):
            return said
        objects = listed(said, "data", "objects") or listed(said, "data")
        found: dict[ObjectKind, list[RemoteField]] = {}
        for item in objects:
            kind = SINGULAR.get(str(item.get("nameSingular")))
            if kind is not None:
                found[kind] = list(_fields(item))
            if item.get("nameSingular") == "taskTarget":
                found.setdefault(ObjectKind.TASK, [])
                self._targets = [str(f.get("name")) for f in _field_rows(item)]
        if ObjectKind.PERSON not in found:
            return Failure(FailureClass.TRANSIENT, "The workspace told nothing of its people.")
        names = [f"{TARGETS}.{name}" for name in self._targets]
        found.setdefault(ObjectKind.TASK, []).extend(RemoteField(name, name) for name in names)
        return found

    def workspace(self) -> str | Failure:
        """A key names its own: see `crm.domain.sync.credentials`."""
        return ""

    # --- looking ----------------------------------------------------------------------------------

    def look(self, kind: ObjectKind, refs: Sequence[Ref], names: Sequence[str]) -> Looked:
        """By the id we know, by e-mail or domain, and by the id that a try before would have given."""
        found: Looked = {}
        for some in pieces(refs, ASKED_AT_ONCE):
            found |= by_halves(some, lambda part: self._look(kind, part))
            if (failed := first_general(found)) is not None:
                return the_rest(refs, found, failed)
        return found

    def _look(self, kind: ObjectKind, refs: Sequence[Ref]) -> Looked:
        asked = [ref for ref in refs if _ASKABLE.fullmatch(ref.identity or "-")]
        odd = Failure(FailureClass.REJECTED, "Twenty cannot be asked for such an address.")
        found: Looked = {ref.key: odd for ref in refs if ref not in asked}
        if not asked:
            return found
        query = {"filter": _filter(kind, asked), "limit": len(asked) * 4, "depth": 0}
        said = self._ask("GET", f"{PLURAL[kind]}?{urlencode(query, quote_via=quote)}")
        rows = said if isinstance(said, Failure) else _whole(said, kind)
        if isinstance(rows, Failure):
            return found | dict.fromkeys((ref.key for ref in asked), rows)
        flattened = [flat(row) for row in rows]
        return found | {ref.key: _match(kind, ref, flattened) for ref in asked}

    # --- writing ----------------------------------------------------------------------------------

    def write(self, kind: ObjectKind, changes: Sequence[Change]) -> Wrote:
        """New ones by the batch, known ones one by one: there is no batch of changes."""
        wrote: Wrote = {}
        new = [change for change in changes if not change.external_id]
        for some in pieces(new, BATCH):
            made = _settled(by_halves(some, lambda part: self._create(kind, part)))
            wrote |= made | self._link(kind, some, made)
            if (failed := first_general(wrote)) is not None:
                return the_rest(changes, wrote, failed)
        for change in changes:
            if change.external_id:
                wrote[change.key] = self._update(kind, change)
            if (failed := first_general(wrote)) is not None:
                return the_rest(changes, wrote, failed)
        return wrote

    def _create(self, kind: ObjectKind, changes: Sequence[Change]) -> Wrote:
        records = [self._record(kind, change) | {"id": own_id(change.key)} for change in changes]
        said = self._ask("POST", f"batch/{PLURAL[kind]}?depth=0", records, alone=len(records) == 1)
        if isinstance(said, Failure):
            return dict.fromkeys((change.key for change in changes), said)
        return {change.key: Written(own_id(change.key)) for change in changes}

    def _update(self, kind: ObjectKind, change: Change) -> Written | Failure:
        record = self._record(kind, change)
        if record:
            path = f"{PLURAL[kind]}/{quote(change.external_id, safe='')}?depth=0"
            said = self._ask("PATCH", path, record, one=True)
            if isinstance(said, Failure):
                return said
        linked = self._link(kind, [change], {change.key: Written(change.external_id)}).get(change.key)
        return linked if isinstance(linked, Failure) else Written(change.external_id)

    def _record(self, kind: ObjectKind, change: Change) -> dict[str, Any]:
        values = dict(change.values)
        if kind is ObjectKind.COMPANY and (domain := values.get(IDENTITY[kind])):
            values[IDENTITY[kind]] = f"https://{domain}"
        record = nested(values)
        if kind is ObjectKind.PERSON and change.links.get("company"):
            record["companyId"] = change.links["company"]
        return record

    def _link(self, kind: ObjectKind, changes: Sequence[Change], wrote: Wrote) -> Wrote:
        """A task's targets are records of their own, under ids that a second try meets again."""
        targets = [
            _Target(
                own_id(f"{change.key}:{to}"), change.key, task.external_id, {self._target_name(to): other}
            )
            for change in changes
            if kind is ObjectKind.TASK and isinstance(task := wrote.get(change.key), Written)
            for to, other in change.links.items()
        ]
        said = by_halves(targets, self._aim) if targets else {}
        failed = ((target.task_key, said[target.key]) for target in targets)
        return {task: one for task, one in failed if isinstance(one, Failure)}

    def _aim(self, targets: Sequence[_Target]) -> dict[str, Any]:
        """Make targets. One that stands there already refuses them all; alone it is pointed at what it is to name."""
        records = [{"id": target.key, "taskId": target.task, **target.names} for target in targets]
        said = self._ask("POST", f"batch/{TARGETS}?depth=0", records, alone=len(records) == 1)
        if len(targets) == 1 and isinstance(said, Failure) and _is_taken(said):
            said = self._ask("PATCH", f"{TARGETS}/{targets[0].key}?depth=0", targets[0].names, one=True)
            if isinstance(said, Failure) and said.kind is FailureClass.GONE:
                said = (
                    None  # somebody took it off over there: it stays off, and the task is not gone for that
                )
        return dict.fromkeys((target.key for target in targets), said if isinstance(said, Failure) else None)

    def _target_name(self, to: str) -> str:
        """`personId` or, in newer workspaces, `targetPersonId`: as it was detected."""
        known = self._access.names.get(TARGETS, [])
        newer = f"target{to.capitalize()}"
        if newer in known or f"{newer}Id" in known:
            return f"{newer}Id"
        return f"{to}Id"

    def _ask(
        self, method: str, path: str, document: Any = None, *, one: bool = False, alone: bool = False
    ) -> Any | Failure:
        headers = {"Authorization": f"Bearer {self._access.token}", "Accept": "application/json"}
        body = None
        if document is not None:
            body, headers["Content-Type"] = encoded(document), "application/json"
        url = f"{self._access.base.rstrip('/')}/rest/{path}"
        return self._access.judge(self._access.request(method, url, headers, body), one=one, alone=alone)


def own_id(key: str) -> str:
    """The id that a record of ours gets over there when it is made."""
    return str(uuid.uuid5(SPACE, key))


def _whole(said: Any, kind: ObjectKind) -> list[dict[str, Any]] | Failure:
    """All the records of an answer; when there are more than it holds, fewer are to be asked about at once."""
    page = said.get("pageInfo") if isinstance(said, dict) else None
    if isinstance(page, dict) and page.get("hasNextPage") is True:
        return Failure(FailureClass.REJECTED, "More records answer to this than fit into an answer.")
    return rows_of(said, "data", PLURAL[kind])


def _is_taken(failure: Failure) -> bool:
    words = failure.words.lower()
    return "duplicate" in words or "already exist" in words


def _settled(wrote: Wrote) -> Wrote:
    """An address that a record without trace holds was taken this very moment: it is looked up again, later."""
    return {
        key: Failure(FailureClass.TRANSIENT, one.words)
        if isinstance(one, Failure) and _is_taken(one)
        else one
        for key, one in wrote.items()
    }


def _filter(kind: ObjectKind, refs: Sequence[Ref]) -> str:
    ids = sorted(
        {ref.external_id for ref in refs if ref.external_id}
        | {own_id(r.key) for r in refs if not r.external_id}
    )
    asked = [f"id[in]:[{','.join(ids)}]"]
    names = sorted({name for ref in refs if ref.identity for name in _names(kind, ref.identity)})
    if names and kind in IDENTITY:
        asked.append(f"{IDENTITY[kind]}[in]:[{','.join(names)}]")
    return f"and(or({','.join(asked)}),{ANY})" if len(asked) > 1 else f"and({asked[0]},{ANY})"


def _names(kind: ObjectKind, identity: str) -> tuple[str, ...]:
    if kind is ObjectKind.COMPANY:
        return (identity, f"https://{identity}", f"https://www.{identity}")
    return (identity,) if identity == identity.lower() else (identity, identity.lower())


def _match(kind: ObjectKind, ref: Ref, rows: Iterable[dict[str, Any]]) -> Seen:
    """The record of a reference: the one we know before the one of the same name, a living one before a deleted.

    One that we know and that is not there was destroyed for good: that counts as deleted.
    """
    rows = list(rows)
    mine = {ref.external_id or own_id(ref.key)}
    known = [row for row in rows if row.get("id") in mine]
    if not known and ref.external_id:
        return Seen(external_id=ref.external_id, deleted=True)
    if not known and ref.identity and kind in IDENTITY:
        wanted = {name.lower() for name in _names(kind, ref.identity)}
        known = [row for row in rows if str(row.get(IDENTITY[kind])).lower().rstrip("/") in wanted]
    known.sort(key=lambda row: bool(row.get("deletedAt")))
    if not known:
        return Seen()
    row = known[0]
    return Seen(external_id=str(row["id"]), deleted=bool(row.get("deletedAt")), values=row)


def _field_rows(item: dict[str, Any]) -> list[dict[str, Any]]:
    fields = item.get("fields")
    if isinstance(fields, dict):  # as edges and nodes, in older versions
        return [edge["node"] for edge in listed(fields, "edges") if isinstance(edge.get("node"), dict)]
    return listed(item, "fields")


def _fields(item: dict[str, Any]) -> Iterator[RemoteField]:
    for said in _field_rows(item):
        name, label, type_ = (
            str(said.get("name")),
            str(said.get("label") or said.get("name")),
            said.get("type"),
        )
        if said.get("isActive") is False or said.get("isSystem") is True:
            continue
        for part, found in _PARTS.get(str(type_), ()):
            yield RemoteField(f"{name}.{part}", label, found)
        if type_ in _TYPES:
            rows = said.get("options")
            options = (
                tuple(str(o.get("value")) for o in rows if isinstance(o, dict))
                if isinstance(rows, list)
                else ()
            )
            yield RemoteField(name, label, _TYPES[type_], options)
