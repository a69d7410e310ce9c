"""HubSpot, by its official client: batches of contacts, companies and tasks, a hundred at once.

The client builds the requests; they leave through our own guarded connection, and their raw answers are judged
here: what it makes of a page of HTML or of an answer cut short is of no use. It is an optional dependency.

Contacts are made by batch upsert on their e-mail, so a second try meets the first; companies are looked for by
domain; a task carries our id in its text, by which a second try finds it. What is archived is not made again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from config.kit.outgoing import Answer
from crm.connectors.base import (
    Access,
    Change,
    Looked,
    Ref,
    Seen,
    Written,
    Wrote,
    by_halves,
    first_general,
    listed,
    pieces,
    the_rest,
)
from crm.connectors.hubspot_answers import (
    BODY,
    IDENTITY,
    MARK,
    Read,
    Tie,
    as_text,
    field_of,
    has_more,
    read_of,
    results_of,
    seen,
    tied,
    told,
    values_of,
)
from crm.domain.sync.failures import Failure, FailureClass
from crm.domain.sync.fields import ObjectKind, RemoteField

BATCH = 100
PATHS = {ObjectKind.PERSON: "contacts", ObjectKind.COMPANY: "companies", ObjectKind.TASK: "tasks"}
SEARCHES = 5
"""Groups of filters in one search, each of which looks for one task."""
MISSING = Failure(
    FailureClass.AUTHENTICATION,
    "HubSpot's client is not installed here: install Signet with its extra “hubspot”.",
)
Call = Callable[[Any], Any]


class HubSpot:
    """One account of HubSpot."""

    def __init__(self, access: Access) -> None:
        self._access = access

    # --- which fields there are -------------------------------------------------------------------

    def detect(self) -> dict[ObjectKind, list[RemoteField]] | Failure:
        """The properties of contacts, companies and tasks that may be written."""
        found: dict[ObjectKind, list[RemoteField]] = {}
        for kind, path in PATHS.items():
            said = self._ask(partial(_properties, path=path))
            if isinstance(said, Failure):
                return said
            found[kind] = [field for row in listed(said, "results") if (field := field_of(row)) is not None]
        return found

    def workspace(self) -> str | Failure:
        """The id of the account (HubSpot: portal). A token does not name it."""
        url = f"{self._access.base.rstrip('/')}/account-info/v3/details"
        answer = self._access.request("GET", url, {"Authorization": f"Bearer {self._access.token}"})
        said = self._access.judge(answer)
        if isinstance(said, Failure):
            return said
        return str(said.get("portalId") or "")[:60] if isinstance(said, dict) else ""

    # --- looking ----------------------------------------------------------------------------------

    def look(self, kind: ObjectKind, refs: Sequence[Ref], names: Sequence[str]) -> Looked:
        """By the id we know; without one by e-mail, archived ones included, by domain, or by our id in a task."""
        asked = sorted({*names, *([IDENTITY[kind]] if kind in IDENTITY else [])})
        known = [ref for ref in refs if ref.external_id]
        unknown = [ref for ref in refs if not ref.external_id]
        found: Looked = {}
        for some, ask in ((known, HubSpot._by_id), (unknown, _UNKNOWN[kind])):
            for piece in pieces(some, BATCH):
                found |= by_halves(piece, partial(_asked, self, kind, ask, asked))
                if (failed := first_general(found)) is not None:
                    return the_rest(refs, found, failed)
        return found

    def _by_id(self, kind: ObjectKind, refs: Sequence[Ref], names: list[str]) -> Looked:
        read = self._read(kind, [ref.external_id for ref in refs], names)
        if isinstance(read, Failure):
            return dict.fromkeys((ref.key for ref in refs), read)
        rows = {str(row.get("id")): row for row in read.rows}
        merged = {  # one that was merged into another answers under the other's id
            old: row
            for row in rows.values()
            for old in str(values_of(row).get("hs_merged_object_ids") or "").split(";")
        }
        gone = {ref.key: read.unread or Seen(ref.external_id, deleted=True) for ref in refs}
        found = {
            ref.key: seen(row)
            for ref in refs
            if (row := rows.get(ref.external_id) or merged.get(ref.external_id)) is not None
        }
        return {**gone, **found}

    def _by_email(self, kind: ObjectKind, refs: Sequence[Ref], names: list[str]) -> Looked:
        found: Looked = {ref.key: Seen() for ref in refs}
        for archived in (False, True):
            left = [ref for ref in refs if found[ref.key] == Seen()]
            if not left:
                break
            read = self._read(kind, [ref.identity for ref in left], names, "email", archived=archived)
            if isinstance(read, Failure):
                return found | dict.fromkeys((ref.key for ref in left), read)
            if read.unread is not None:  # of whom it does not tell is not nobody
                found |= dict.fromkeys((ref.key for ref in left), read.unread)
            rows = {str(values_of(row).get("email")).lower(): row for row in read.rows}
            found |= {
                ref.key: seen(rows[ref.identity.lower()], deleted=archived)
                for ref in left
                if ref.identity.lower() in rows
            }
        return found

    def _by_domain(self, kind: ObjectKind, refs: Sequence[Ref], names: list[str]) -> Looked:
        values = [ref.identity for ref in refs if ref.identity]
        groups = [{"filters": [{"propertyName": "domain", "operator": "IN", "values": values}]}]
        read = self._search(kind, groups, names, whole=len(values) > 1) if values else []
        if isinstance(read, Failure):
            return dict.fromkeys((ref.key for ref in refs), read)
        rows = {str(values_of(row).get("domain")).lower(): row for row in reversed(read)}
        return {ref.key: seen(rows[ref.identity]) if ref.identity in rows else Seen() for ref in refs}

    def _by_mark(self, kind: ObjectKind, refs: Sequence[Ref], names: list[str]) -> Looked:
        """Only tasks that may have been made before are looked for: each search costs a request for a few."""
        found: Looked = {ref.key: Seen() for ref in refs}
        for some in pieces([ref for ref in refs if ref.retried], SEARCHES):
            groups = [
                {"filters": [{"propertyName": BODY, "operator": "CONTAINS_TOKEN", "value": ref.key}]}
                for ref in some
            ]
            read = self._search(kind, groups, sorted({*names, BODY}))
            if isinstance(read, Failure):
                return found | dict.fromkeys((ref.key for ref in some), read)
            for row in read:
                text = str(values_of(row).get(BODY))
                found |= {ref.key: seen(row) for ref in some if ref.key in text}
        return found

    def _read(
        self,
        kind: ObjectKind,
        ids: list[str],
        names: list[str],
        by: str | None = None,
        *,
        archived: bool = False,
    ) -> Read | Failure:
        document: dict[str, Any] = {
            "inputs": [{"id": one} for one in ids],
            "properties": [*names, "hs_merged_object_ids"],
            "propertiesWithHistory": [],
        }
        if by:
            document["idProperty"] = by
        return read_of(
            self._ask(lambda api: _batch(api, kind).read(document, archived=archived, _preload_content=False))
        )

    def _search(
        self, kind: ObjectKind, groups: list[dict[str, Any]], names: list[str], *, whole: bool = False
    ) -> list[dict[str, Any]] | Failure:
        """The first page; `whole`: when there are more, fewer are to be asked about at once."""
        document = {"filterGroups": groups, "properties": names, "limit": BATCH, "after": "0", "sorts": []}
        said = self._ask(lambda api: _api(api, kind).search_api.do_search(document, _preload_content=False))
        if whole and has_more(said):
            return Failure(FailureClass.REJECTED, "More records answer to this than fit into an answer.")
        return results_of(said)

    # --- writing ----------------------------------------------------------------------------------

    def write(self, kind: ObjectKind, changes: Sequence[Change]) -> Wrote:
        """New ones and known ones, each by the batch; then who belongs to whom."""
        wrote: Wrote = {}
        known = [change for change in changes if change.external_id and change.values]
        wrote |= {c.key: Written(c.external_id) for c in changes if c.external_id and not c.values}
        new = [change for change in changes if not change.external_id]
        for some, write in ((known, self._update), (new, self._create)):
            for piece in pieces(some, BATCH):
                wrote |= by_halves(piece, partial(write, kind))
                if (failed := first_general(wrote)) is not None:
                    return the_rest(changes, wrote, failed)
        return wrote | self._link(kind, changes, wrote)

    def _update(self, kind: ObjectKind, changes: Sequence[Change]) -> Wrote:
        inputs = [{**self._input(kind, change), "id": change.external_id} for change in changes]
        said = self._ask(
            lambda api: _batch(api, kind).update({"inputs": inputs}, _preload_content=False),
            alone=len(inputs) == 1,
        )
        return told(kind, changes, said)

    def _create(self, kind: ObjectKind, changes: Sequence[Change]) -> Wrote:
        if kind is ObjectKind.PERSON:
            inputs = [{**self._input(kind, c), "id": c.identity, "idProperty": "email"} for c in changes]
            said = self._ask(
                lambda api: _batch(api, kind).upsert({"inputs": inputs}, _preload_content=False),
                alone=len(inputs) == 1,
            )
        else:
            inputs = [{**self._input(kind, change), "associations": []} for change in changes]
            said = self._ask(
                lambda api: _batch(api, kind).create({"inputs": inputs}, _preload_content=False),
                alone=len(inputs) == 1,
            )
        return told(kind, changes, said)

    def _input(self, kind: ObjectKind, change: Change) -> dict[str, Any]:
        values = {name: as_text(value) for name, value in change.values.items()}
        if kind is ObjectKind.TASK:
            if BODY in values or not change.external_id:
                values[BODY] = f"{values.get(BODY, '')}\n\n{MARK} {change.key}".strip()
            if not change.external_id:  # a task without a time is refused
                values.setdefault("hs_timestamp", self._access.clock().strftime("%Y-%m-%dT%H:%M:%SZ"))
        return {"properties": values, "objectWriteTraceId": change.key}

    def _link(self, kind: ObjectKind, changes: Sequence[Change], wrote: Wrote) -> Wrote:
        """Who belongs to whom. A tie that is refused fails its own record; who is refused unnamed is searched for."""
        failed: Wrote = {}
        for to, path in (("company", "companies"), ("person", "contacts")):
            ties = [
                Tie(change.key, one.external_id, change.links[to])
                for change in changes
                if isinstance(one := wrote.get(change.key), Written) and change.links.get(to)
            ]
            for some in pieces(ties, BATCH):
                said = by_halves(some, partial(self._tie, PATHS[kind], path))
                failed |= {key: one for key, one in said.items() if isinstance(one, Failure)}
        return failed

    def _tie(self, one: str, other: str, ties: Sequence[Tie]) -> dict[str, Any]:
        document = {"inputs": [{"from": {"id": tie.here}, "to": {"id": tie.there}} for tie in ties]}
        said = self._ask(partial(_associate, one=one, other=other, document=document), alone=len(ties) == 1)
        return tied(ties, said)

    # --- asking -----------------------------------------------------------------------------------

    def _ask(self, call: Call, *, alone: bool = False) -> Any | Failure:
        """Make one call of the client and judge what really came back."""
        pool = _Pool(self._access)
        try:
            client = _client(self._access, pool)
        except ImportError:
            return MISSING
        with suppress(Exception):  # it raises for each status in its own way; the answer is judged below
            call(client)
        if pool.answer is None:
            return Failure(FailureClass.REJECTED, "HubSpot's client could not make the request.")
        return self._access.judge(pool.answer, alone=alone)


Look = Callable[[HubSpot, ObjectKind, Sequence[Ref], list[str]], Looked]


def _asked(
    self: HubSpot, kind: ObjectKind, look: Look, names: list[str], refs: Sequence[Ref]
) -> dict[str, Any]:
    return look(self, kind, refs, names)


_UNKNOWN: dict[ObjectKind, Look] = {
    ObjectKind.PERSON: HubSpot._by_email,  # noqa: SLF001 - of the class above
    ObjectKind.COMPANY: HubSpot._by_domain,  # noqa: SLF001 - the class's own table, made once it exists
    ObjectKind.TASK: HubSpot._by_mark,  # noqa: SLF001 - as above
}


class _Pool:
    """Takes the place of the client's own connections: what it sends goes through ours, and is kept."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self.answer: Answer | Failure | None = None

    def request(
        self,
        method: str,
        url: str,
        *,
        body: Any = None,
        headers: Mapping[str, str],
        fields: Any = None,
        **_: Any,
    ) -> _Response:
        if fields:
            raise ValueError(fields)  # no call of ours has any
        payload = body.encode() if isinstance(body, str) else body
        self.answer = self._access.request(method, url, headers, payload)
        return _Response(self.answer)


class _Response:
    """An answer as the client expects it. No answer at all looks like an outage."""

    def __init__(self, answer: Answer | Failure) -> None:
        self.status, self.reason, self.data = 503, "", b""
        self.headers: dict[str, str] = {}
        if isinstance(answer, Answer):
            self.status, self.data, self.headers = answer.status, answer.body, dict(answer.headers)

    def getheaders(self) -> dict[str, str]:
        return self.headers

    def getheader(self, name: str, default: str | None = None) -> str | None:
        return self.headers.get(name.lower(), default)


def _client(access: Access, pool: _Pool) -> Any:
    """The official client, whose requests go through `pool`. Raises ImportError without it."""
    from hubspot import HubSpot as Client

    def api(package: Any, name: str, _config: Mapping[str, Any]) -> Any:
        configuration = package.Configuration(host=access.base.rstrip("/"))
        configuration.access_token = access.token
        client = package.ApiClient(configuration=configuration)
        client.rest_client.pool_manager = pool
        return getattr(package, name)(api_client=client)

    return Client(access_token=access.token, api_factory=api)


def _properties(client: Any, *, path: str) -> Any:
    return client.crm.properties.core_api.get_all(path, _preload_content=False)


def _associate(client: Any, *, one: str, other: str, document: dict[str, Any]) -> Any:
    batches = client.crm.associations.v4.batch_api
    return batches.create_default(one, other, document, _preload_content=False)


def _api(client: Any, kind: ObjectKind) -> Any:
    match kind:
        case ObjectKind.PERSON:
            return client.crm.contacts
        case ObjectKind.COMPANY:
            return client.crm.companies
        case ObjectKind.TASK:
            return client.crm.objects.tasks


def _batch(client: Any, kind: ObjectKind) -> Any:
    return _api(client, kind).batch_api
