"""An account of HubSpot, as far as the sync asks it: batches with 207, archived records, search, associations."""

from __future__ import annotations

from itertools import count
from typing import Any

from tests.crm.fakes.server import Asked, FakeCrm

MOST = 100
OBJECTS = ("contacts", "companies", "tasks")


def _property(name: str, type_: str = "string", **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "label": name,
        "type": type_,
        "modificationMetadata": {"readOnlyValue": False},
        **more,
    }


class FakeHubSpot(FakeCrm):
    """`records` by object and id; an archived one stays with `archived`."""

    def __init__(self) -> None:
        super().__init__()
        self._ids = count(101)
        self.records: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in OBJECTS}
        self.ties: set[tuple[str, str, str, str]] = set()
        self.loners: set[str] = set()
        """Ids of records that nothing is tied to."""
        self.names_loners = True
        self.portal = 4711
        self.unreadable: set[str] = set()
        """Ids of records that are there and cannot be read at the moment."""
        self.properties = {
            "contacts": [
                _property("firstname"), _property("lastname"), _property("email"), _property("phone"),
                _property("jobtitle"), _property("company"), _property("signet_engagement"),
                _property("signet_last_seen", "datetime"), _property("signet_node_count", "number"),
                _property("signet_cap_status"), _property("hs_object_id", modificationMetadata={"readOnlyValue": True}),
            ],
            "companies": [_property("name"), _property("domain")],
            "tasks": [
                _property("hs_task_subject"), _property("hs_task_body"), _property("hs_timestamp", "datetime"),
                _property("hs_task_status", "enumeration", options=[
                    {"value": value} for value in ("NOT_STARTED", "IN_PROGRESS", "COMPLETED", "DEFERRED")
                ]),
            ],
        }  # fmt: skip

    def empty(self) -> None:
        for records in self.records.values():
            records.clear()

    def add(self, name: str, /, **properties: str) -> dict[str, Any]:
        record = {"id": str(next(self._ids)), "properties": properties, "archived": False}
        self.records[name][record["id"]] = record
        return record

    def living(self, name: str) -> list[dict[str, Any]]:
        return [record for record in self.records[name].values() if not record["archived"]]

    def contact(self, email: str) -> dict[str, Any]:
        (found,) = [one for one in self.records["contacts"].values() if one["properties"]["email"] == email]
        return found

    def unauthorized(self) -> dict[str, Any]:
        return {"status": "error", "message": "Authentication credentials not found.", "category":
                "INVALID_AUTHENTICATION", "correlationId": "c-1"}  # fmt: skip

    def route(self, asked: Asked) -> tuple[int, Any]:
        inputs = asked.document.get("inputs", []) if isinstance(asked.document, dict) else []
        if len(inputs) > MOST:
            return _bad(f"Inputs exceed the limit of {MOST}")
        match [asked.method, *asked.path.strip("/").split("/")]:
            case ["GET", "crm", "v3", "properties", name]:
                said = {"results": self.properties[name]}
            case ["GET", "account-info", "v3", "details"]:
                said = {"portalId": self.portal, "accountType": "STANDARD"}
            case ["POST", "crm", "v3", "objects", name, "batch", verb]:
                deeds = {"update": self._update, "upsert": self._upsert, "create": self._create}
                return self._read(name, asked) if verb == "read" else deeds[verb](name, inputs)
            case ["POST", "crm", "v3", "objects", name, "search"]:
                found, most = (
                    [one for one in self.living(name) if _found(one, asked.document)],
                    asked.document["limit"],
                )
                more = {"paging": {"next": {"after": str(most)}}} if len(found) > most else {}
                return 200, {"total": len(found), "results": found[:most], **more}
            case ["POST", "crm", "v4", "associations", one, other, "batch", "associate", "default"]:
                return self._associate(one, other, inputs)
            case _:
                return 404, {"status": "error", "message": "resource not found", "correlationId": "c-2"}
        return 200, said

    def _associate(self, one: str, other: str, inputs: list[Any]) -> tuple[int, Any]:
        good = [pair for pair in inputs if pair["from"]["id"] not in self.loners]
        self.ties |= {(one, pair["from"]["id"], other, pair["to"]["id"]) for pair in good}
        bad = [pair["from"]["id"] for pair in inputs if pair not in good]
        named = [{"fromObjectId": [record]} for record in bad] if self.names_loners else [{} for _ in bad]
        return _multi([], [_error("OBJECT_NOT_FOUND", "Cannot be tied", **context) for context in named])

    def _read(self, name: str, asked: Asked) -> tuple[int, Any]:
        by, archived = asked.document.get("idProperty"), asked.query.get("archived") in {"true", "True"}
        rows = [one for one in self.records[name].values() if one["archived"] == archived]
        wanted = [one["id"] for one in asked.document["inputs"]]
        found = [one for one in rows if (one["properties"].get(by) if by else one["id"]) in wanted]
        hidden = [one for one in found if one["id"] in self.unreadable]
        found = [one for one in found if one not in hidden]
        said: dict[str, Any] = {"status": "COMPLETE", "results": found}
        missing = len(wanted) - len(found)
        if not missing:
            return 200, said
        if hidden:
            bad = _error("INTERNAL_ERROR", "Try again later", ids=[one["id"] for one in hidden])
            return 207, said | {"numErrors": 1, "errors": [bad]}
        error = {"status": "error", "category": "OBJECT_NOT_FOUND", "message": "Could not get some objects",
                 "context": {"ids": wanted}}  # fmt: skip
        return 207, said | {"numErrors": 1, "errors": [error]}

    def _update(self, name: str, inputs: list[Any]) -> tuple[int, Any]:
        results, errors = [], []
        for one in inputs:
            row = self.records[name].get(one["id"])
            if row is None or row["archived"]:
                errors.append(_error("OBJECT_NOT_FOUND", "No object was found", ids=[one["id"]]))
            elif (refusal := self._refusal(one)) is not None:
                errors.append(refusal)
            else:
                row["properties"].update(one["properties"])
                results.append(row)
        return _multi(results, errors)

    def _upsert(self, name: str, inputs: list[Any]) -> tuple[int, Any]:
        results, errors = [], []
        for one in inputs:
            if (refusal := self._refusal(one)) is not None:
                errors.append(refusal)
                continue
            by = one["idProperty"]
            row = next((r for r in self.living(name) if r["properties"].get(by) == one["id"]), None)
            row = row or self.add(name, **{by: one["id"]})
            row["properties"].update(one["properties"])
            results.append({**row, "new": True})
        return _multi(list(reversed(results)), errors)

    def _create(self, name: str, inputs: list[Any]) -> tuple[int, Any]:
        results, errors = [], []
        for one in inputs:
            if (refusal := self._refusal(one)) is not None:
                errors.append(refusal)
                continue
            row = self.add(name, **one["properties"])
            results.append({**row, "objectWriteTraceId": one.get("objectWriteTraceId")})
        return _multi(list(reversed(results)), errors)

    @staticmethod
    def _refusal(one: dict[str, Any]) -> dict[str, Any] | None:
        if "refused" not in str(one["properties"]):
            return None
        trace = one.get("objectWriteTraceId")
        return _error("VALIDATION_ERROR", "Property values were not valid", objectWriteTraceId=[trace])


def _error(category: str, message: str, **context: list[Any]) -> dict[str, Any]:
    return {"status": "error", "category": category, "message": message, "context": context}


def _multi(results: list[Any], errors: list[Any]) -> tuple[int, Any]:
    if not errors:
        return 200, {"status": "COMPLETE", "results": results}
    return 207, {"status": "COMPLETE", "results": results, "numErrors": len(errors), "errors": errors}


def _bad(words: str) -> tuple[int, Any]:
    return 400, {"status": "error", "category": "VALIDATION_ERROR", "message": words, "correlationId": "c-3"}


def _found(row: dict[str, Any], said: dict[str, Any]) -> bool:
    """A search: filters of a group all fit, of the groups any."""
    return any(all(_fits(row, one) for one in group["filters"]) for group in said["filterGroups"])


def _fits(row: dict[str, Any], said: dict[str, Any]) -> bool:
    value = row["properties"].get(said["propertyName"], "")
    if said["operator"] == "IN":
        return value in said["values"]
    return said["value"] in value.split()
