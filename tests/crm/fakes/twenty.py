"""A workspace of Twenty, as far as the sync asks it: soft deletion, unique addresses, all or nothing in a batch."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any

from tests.crm.fakes.server import Asked, FakeCrm

MOST = 60
UNIQUE = {"people": "emails.primaryEmail", "companies": "domainName.primaryLinkUrl"}
SINGULAR = {"people": "Person", "companies": "Company", "tasks": "Task", "taskTargets": "TaskTarget"}
STATUS = [{"value": value, "label": value} for value in ("TODO", "IN_PROGRESS", "DONE")]


def _field(name: str, type_: str = "TEXT", **more: Any) -> dict[str, Any]:
    return {"name": name, "label": name, "type": type_, "isActive": True, "isSystem": False, **more}


class FakeTwenty(FakeCrm):
    """`tables` hold the records by name of the object and id, deleted ones with their `deletedAt`."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in SINGULAR}
        self.fields = {
            "people": [
                _field("name", "FULL_NAME"), _field("emails", "EMAILS"), _field("phones", "PHONES"),
                _field("jobTitle"), _field("company", "RELATION"), _field("signetEngagement"),
                _field("signetLastSeen", "DATE_TIME"), _field("signetVersion"), _field("signetOperatingSystem"),
                _field("signetNodeCount", "NUMBER"), _field("signetCapStatus"), _field("signetFirstSource"),
                _field("createdAt", "DATE_TIME", isSystem=True),
            ],
            "companies": [_field("name"), _field("domainName", "LINKS"), _field("signetCustomerId")],
            "tasks": [
                _field("title"), _field("bodyV2", "RICH_TEXT_V2"), _field("dueAt", "DATE_TIME"),
                _field("status", "SELECT", options=STATUS),
            ],
            "taskTargets": [_field("task", "RELATION"), _field("targetPerson", "RELATION"),
                            _field("targetCompany", "RELATION")],
        }  # fmt: skip

    def empty(self) -> None:
        for table in self.tables.values():
            table.clear()

    # --- what people do over there ----------------------------------------------------------------

    def add(self, table: str, **values: Any) -> dict[str, Any]:
        record = {"id": str(uuid.uuid4()), "deletedAt": None, **values}
        self.tables[table][record["id"]] = record
        return record

    def delete(self, table: str, record_id: str) -> None:
        self.tables[table][record_id]["deletedAt"] = "2026-01-01T00:00:00.000Z"

    def living(self, table: str) -> list[dict[str, Any]]:
        return [record for record in self.tables[table].values() if not record["deletedAt"]]

    def person(self, email: str) -> dict[str, Any]:
        (found,) = [p for p in self.tables["people"].values() if p["emails"]["primaryEmail"] == email]
        return found

    # --- the interface ----------------------------------------------------------------------------

    def unauthorized(self) -> dict[str, Any]:
        return {"statusCode": 401, "error": "UnauthorizedException", "messages": ["Token invalid."]}

    def route(self, asked: Asked) -> tuple[int, Any]:
        match [asked.method, *asked.path.strip("/").split("/")]:
            case ["GET", "rest", "metadata", "objects"]:
                objects = [
                    {"nameSingular": SINGULAR[name][0].lower() + SINGULAR[name][1:], "namePlural": name,
                     "fields": fields}
                    for name, fields in self.fields.items()
                ]  # fmt: skip
                return 200, {"data": {"objects": objects}}
            case ["GET", "rest", table] if table in self.tables:
                return 200, {"data": {table: self._find(table, asked.query)}}
            case ["POST", "rest", "batch", table] if table in self.tables:
                return self._create(table, asked.document, upsert=asked.query.get("upsert") == "true")
            case ["PATCH", "rest", table, record_id] if table in self.tables:
                return self._update(table, record_id, asked.document)
        return 404, {"statusCode": 404, "error": "Not Found", "message": f"Cannot {asked.line}"}

    def _find(self, table: str, query: dict[str, str]) -> list[dict[str, Any]]:
        said = query.get("filter", "")
        rows = [row for row in self.tables[table].values() if "deletedAt" in said or not row["deletedAt"]]
        return list(filter(condition(said), rows))[: int(query.get("limit", MOST))]

    def _create(self, table: str, records: Any, *, upsert: bool) -> tuple[int, Any]:
        if not isinstance(records, list) or len(records) > MOST:
            return _bad(f"Maximum number of records to create is {MOST}")
        known = {field["name"] for field in self.fields[table]}
        for record in records:
            odd = [n for n in record if n != "id" and n not in known and n.removesuffix("Id") not in known]
            if odd:
                return _bad(f'Object {SINGULAR[table].lower()} doesn\'t have any "{odd[0]}" field.')
            if "refused" in str(record):
                return _bad("Invalid value for a field.")
            taken = self._holder(table, record)
            if taken is not None and not upsert:
                return _bad("A duplicate entry was detected")
        for record in records:
            holder = self._holder(table, record) if upsert else None
            kept = holder or {"id": record.get("id") or str(uuid.uuid4())}
            self.tables[table][kept["id"]] = {**kept, **record, "id": kept["id"], "deletedAt": None}
        return 201, {"data": {table: records}}

    def _holder(self, table: str, record: dict[str, Any]) -> dict[str, Any] | None:
        """Who has the id or the address already; the deleted hold theirs, too."""
        if record.get("id") in self.tables[table]:
            return self.tables[table][record["id"]]
        path = UNIQUE.get(table)
        value = _at(record, path) if path else None
        if not value:
            return None
        return next((row for row in self.tables[table].values() if _at(row, path or "") == value), None)

    def _update(self, table: str, record_id: str, values: dict[str, Any]) -> tuple[int, Any]:
        row = self.tables[table].get(record_id)
        if row is None or row["deletedAt"]:
            return 404, {"statusCode": 404, "error": "NotFoundException", "messages": ["Record not found"]}
        for name, value in values.items():
            row[name] = {**row.get(name, {}), **value} if isinstance(value, dict) else value
        return 200, {"data": {f"update{SINGULAR[table]}": row}}


def _bad(words: str) -> tuple[int, Any]:
    return 400, {"statusCode": 400, "error": "BadRequestException", "messages": [words]}


def _at(row: dict[str, Any], path: str) -> Any:
    found: Any = row
    for part in path.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def condition(said: str) -> Callable[[dict[str, Any]], bool]:
    """A filter such as `and(id[in]:[a,b],deletedAt[is]:NULL)` as what it asks of a record."""
    word = re.match(r"(and|or)\((.*)\)$", said)
    if word:
        parts = [condition(part) for part in _parts(word[2])]
        every = all if word[1] == "and" else any
        return lambda row: every(part(row) for part in parts)
    one = re.match(r"([\w.]+)\[(\w+)\]:(.*)$", said)
    if one is None:
        raise ValueError(said)
    name, operator, value = one.groups()
    if operator == "is":
        return lambda row: (_at(row, name) is None) == (value == "NULL")
    wanted = set(value.removeprefix("[").removesuffix("]").split(","))
    return lambda row: str(_at(row, name)) in wanted


def _parts(text: str) -> list[str]:
    depth, parts = 0, [""]
    for c in text:
        depth += (c in "([") - (c in ")]")
        if c == "," and not depth:
            parts.append("")
        else:
            parts[-1] += c
    return parts
