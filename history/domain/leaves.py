"""What exactly is hashed for an event: one RFC 8785 object, the leaf of the tree."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from json.encoder import encode_basestring as _quoted
from typing import Any, NamedTuple

from history.domain.canonical import NotCanonicalError, canonical
from history.domain.merkle import leaf_hash

LEAF_VERSION = 1
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:\+00(?::00)?|Z)?", re.ASCII)
_UID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Row(NamedTuple):
    """An event as a database spells it, every column a text: what reading millions of them can afford.

    Databases differ in how they write a UUID and an instant; `leaf` reads them all and writes one form.
    """

    uid: str
    kind: str
    subject: str
    account: str
    actor: str
    data: str
    at: str
    recorded_at: str


def leaf(row: tuple[str, ...]) -> bytes:
    """Return the leaf of an event, given as the texts of a `Row`.

    NotCanonicalError when a column is not what it should be. The names stand in RFC 8785's order, so that
    only the data needs sorting: this is the inner loop of verifying. A property test holds it equal to
    the canonical form of the same object.
    """
    uid, kind, subject, account, actor, data, at, recorded_at = row
    try:
        body = canonical(json.loads(data)).decode()
        return (
            f'{{"account":{_quoted(account)},"actor":{_quoted(actor)},"at":"{_instant(at)}",'
            f'"data":{body},"kind":{_quoted(kind)},"recorded_at":"{_instant(recorded_at)}",'
            f'"subject":{_quoted(subject)},"uid":"{_uid(uid)}","v":{LEAF_VERSION}}}'
        ).encode()
    except NotCanonicalError:
        raise
    except (ValueError, TypeError, RecursionError) as error:
        raise NotCanonicalError(str(error)) from error


def row_hash(row: tuple[str, ...]) -> bytes:
    """Return the RFC 6962 leaf hash of an event; as `leaf`."""
    return leaf_hash(leaf(row))


def instant(at: datetime) -> str:
    """Return an aware instant in the one spelling that leaves use: RFC 3339, UTC, six decimals, `Z`."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def event_leaf(**columns: Any) -> bytes:
    """Return the leaf of an event that is not from a table: columns as Python values, `data` as an object."""
    texts = {name: str(value) for name, value in columns.items()}
    texts["data"] = json.dumps(columns["data"])
    texts["at"], texts["recorded_at"] = instant(columns["at"]), instant(columns["recorded_at"])
    return leaf(Row(**texts))


def _instant(text: str) -> str:
    """Return an instant in UTC, as a database writes it, in the spelling of `instant`."""
    if not _INSTANT.fullmatch(text):
        raise NotCanonicalError("an instant is not in UTC or not an instant")
    decimals = text[20:].partition("+")[0].rstrip("Z") if text[19:20] == "." else ""
    return f"{text[:10]}T{text[11:19]}.{decimals:0<6}Z"


def _uid(text: str) -> str:
    if not _UID.fullmatch(text):
        raise NotCanonicalError("a uid is not a UUID")
    if len(text) == 36:  # noqa: PLR2004 - with its dashes
        return text
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
