"""What HubSpot's answers say: which record of a batch each part of them is about, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from crm.connectors.base import Change, Seen, Written, Wrote, listed, rows_of
from crm.domain.sync.failures import Failure, FailureClass, failure_of_words, said_words
from crm.domain.sync.fields import FieldType, ObjectKind, RemoteField

IDENTITY = {ObjectKind.PERSON: "email", ObjectKind.COMPANY: "domain"}
BODY = "hs_task_body"
MARK = "Signet task"
_TYPES = {
    "string": FieldType.TEXT,
    "phone_number": FieldType.TEXT,
    "number": FieldType.NUMBER,
    "date": FieldType.DATE,
    "datetime": FieldType.INSTANT,
    "bool": FieldType.FLAG,
    "enumeration": FieldType.CHOICE,
}


def results_of(said: Any | Failure) -> list[dict[str, Any]] | Failure:
    return said if isinstance(said, Failure) else rows_of(said, "results")


@dataclass(frozen=True, slots=True)
class Read:
    """The records of a batch that were there. `unread`: others may be, too, and this kept them from being read."""

    rows: list[dict[str, Any]]
    unread: Failure | None


def read_of(said: Any | Failure) -> Read | Failure:
    """Only of an answer whose errors all say "not found" may it be concluded that what it lacks is gone."""
    rows = results_of(said)
    if isinstance(rows, Failure):
        return rows
    failures = [_failure(error) for error in listed(said, "errors")]
    if not failures and _counted(said):
        failures = [_failure(None)]
    other = next((failure for failure in failures if failure.kind is not FailureClass.GONE), None)
    return Read(rows, other and replace(other, kind=FailureClass.TRANSIENT))


def has_more(said: Any | Failure) -> bool:
    """Whether an answer is one page of several."""
    paging = said.get("paging") if isinstance(said, dict) else None
    return isinstance(paging, dict) and bool(paging.get("next"))


def told(kind: ObjectKind, changes: Sequence[Change], said: Any | Failure) -> Wrote:
    """What became of each record of a batch: 207 names the bad ones beside the good ones, in no order."""
    if isinstance(said, Failure):
        return {change.key: said for change in changes}
    rows, errors = listed(said, "results"), listed(said, "errors")
    wrote: Wrote = {}
    for change in changes:
        row = next((row for row in rows if _is_about(kind, change, row)), None)
        if row is not None:
            wrote[change.key] = Written(str(row.get("id")))
            continue
        error = next(
            (error for error in errors if _names(error, change)), errors[0] if len(errors) == 1 else None
        )
        wrote[change.key] = _failure(error)
    return wrote


@dataclass(frozen=True, slots=True)
class Tie:
    """A record of a batch, by our key and its id, and the id of what it belongs to."""

    key: str
    here: str
    there: str


def tied(ties: Sequence[Tie], said: Any | Failure) -> dict[str, Any]:
    """Of each tie a failure, or nothing wrong. 207 names the bad ones; one that it does not name may be any."""
    if isinstance(said, Failure):
        return {tie.key: said for tie in ties}
    found: dict[str, Any] = {tie.key: None for tie in ties}
    errors = listed(said, "errors")
    unnamed = None if errors or not _counted(said) else _refused(None)
    for error in errors:
        words = set(_leaves(error.get("context"))) | {str(error.get("id") or "")}
        named = [t for t in ties if t.here in words] or [t for t in ties if t.there in words]
        if named:
            found |= dict.fromkeys((tie.key for tie in named), _refused(error))
        else:
            unnamed = _refused(error)
    return found if unnamed is None else dict.fromkeys(found, unnamed)


def _counted(said: Any) -> bool:
    return isinstance(said, dict) and bool(said.get("numErrors"))


def _refused(error: Mapping[str, Any] | None) -> Failure:
    """A tie that was refused. What is not there may be the other end: no record of ours is buried for that."""
    if error is None:
        return Failure(
            FailureClass.REJECTED, "HubSpot did not tie it to what it belongs to, and does not say why."
        )
    failure = _failure(error)
    return replace(failure, kind=FailureClass.REJECTED) if failure.kind is FailureClass.GONE else failure


def _is_about(kind: ObjectKind, change: Change, row: Mapping[str, Any]) -> bool:
    if row.get("objectWriteTraceId") == change.key or (
        change.external_id and str(row.get("id")) == change.external_id
    ):
        return True
    if kind is ObjectKind.TASK:
        return change.key in str(values_of(row).get(BODY))
    said = str(values_of(row).get(IDENTITY[kind]) or "").lower()
    return not change.external_id and said == change.identity.lower()


def _names(error: Mapping[str, Any], change: Change) -> bool:
    """Whether an error is about a record: it names our key, its id or its address somewhere in its context."""
    words = set(_leaves(error.get("context"))) | {str(error.get("id") or "")}
    known = {change.key, change.external_id, change.identity.lower()} - {""}
    return bool(known & words)


def _leaves(said: Any) -> Iterator[str]:
    if isinstance(said, dict):
        for inner in said.values():
            yield from _leaves(inner)
    elif isinstance(said, list):
        for inner in said:
            yield from _leaves(inner)
    elif said is not None:
        yield str(said).lower()


def _failure(error: Mapping[str, Any] | None) -> Failure:
    if error is None:
        return Failure(FailureClass.TRANSIENT, "HubSpot did not say what became of it.")
    marks = f"{error.get('category', '')} {error.get('subCategory', '')}"
    return failure_of_words(400, marks, said_words(error) or "HubSpot refused it without saying why.")


def seen(row: Mapping[str, Any], *, deleted: bool = False) -> Seen:
    values = dict(values_of(row))
    if isinstance(values.get(BODY), str):
        values[BODY] = values[BODY].partition(MARK)[0].strip()
    return Seen(str(row.get("id")), deleted or row.get("archived") is True, values)


def values_of(row: Mapping[str, Any]) -> Mapping[str, Any]:
    values = row.get("properties")
    return values if isinstance(values, dict) else {}


def field_of(row: Mapping[str, Any]) -> RemoteField | None:
    meta = row.get("modificationMetadata")
    if isinstance(meta, dict) and meta.get("readOnlyValue") is True:
        return None
    found = _TYPES.get(str(row.get("type")))
    if found is None or not row.get("name"):
        return None
    options = tuple(str(o.get("value")) for o in listed(row, "options")) if found is FieldType.CHOICE else ()
    return RemoteField(str(row["name"]), str(row.get("label") or row["name"]), found, options)


def as_text(value: Any) -> str:
    """Properties are texts, whatever their type; an empty one clears."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
