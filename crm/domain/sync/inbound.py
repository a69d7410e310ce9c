"""Webhooks of an outside CRM: is it really its, and what does it say?

HubSpot signs method, address, body and timestamp with the app's client secret (v3); Twenty signs timestamp and
body with the webhook's secret. Both timestamps are milliseconds.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from crm.domain.sync.fields import ObjectKind

TOLERANCE = timedelta(minutes=5)
MOST_CHANGES = 500
HUBSPOT_SIGNATURE = "x-hubspot-signature-v3"
HUBSPOT_TIMESTAMP = "x-hubspot-request-timestamp"
TWENTY_SIGNATURE = "x-twenty-webhook-signature"
TWENTY_TIMESTAMP = "x-twenty-webhook-timestamp"
HUBSPOT_KEPT = {"%3A": ":", "%2F": "/", "%3F": "?", "%40": "@", "%21": "!", "%24": "$", "%27": "'",
                "%28": "(", "%29": ")", "%2A": "*", "%2C": ",", "%3B": ";"}  # fmt: skip
"""Encoded characters that are decoded in the address before it is signed, as HubSpot's page lists them."""


@dataclass(frozen=True, slots=True)
class RemoteChange:
    """What changed over there. `values` by their names; `deleted` or `restored` instead of them. `key` tells it from
    others.
    """

    key: str
    kind: ObjectKind
    external_id: str
    at: datetime
    values: Mapping[str, Any] = field(default_factory=dict)
    deleted: bool = False
    restored: bool = False


def hubspot_signed(
    headers: Mapping[str, str], *, method: str, uri: str, body: bytes, secret: str, at: datetime
) -> bool:
    """Whether HubSpot's app with this secret sent it, a moment ago. `uri` is the address as HubSpot knows it."""
    timestamp = headers.get(HUBSPOT_TIMESTAMP, "")
    for encoded, plain in HUBSPOT_KEPT.items():
        uri = uri.replace(encoded, plain).replace(encoded.lower(), plain)
    signed = f"{method}{uri}".encode() + body + timestamp.encode("utf-8", "replace")
    expected = base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest())
    given = headers.get(HUBSPOT_SIGNATURE, "").encode("utf-8", "replace")
    return _fresh(timestamp, at) and hmac.compare_digest(expected, given)


def twenty_signed(headers: Mapping[str, str], *, body: bytes, secret: str, at: datetime) -> bool:
    """Whether the workspace with this webhook secret sent it, a moment ago."""
    timestamp = headers.get(TWENTY_TIMESTAMP, "")
    signed = timestamp.encode("utf-8", "replace") + b":" + body
    expected = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest().encode()
    given = headers.get(TWENTY_SIGNATURE, "").encode("utf-8", "replace")
    return _fresh(timestamp, at) and hmac.compare_digest(expected, given)


def _fresh(timestamp: str, at: datetime) -> bool:
    then = _milliseconds(timestamp)
    return then is not None and abs(at - then) <= TOLERANCE


def _milliseconds(text: Any) -> datetime | None:
    said = str(text)
    if not (said.isascii() and said.isdigit() and len(said) <= 15):  # noqa: PLR2004 - far beyond any year
        return None
    try:
        return datetime.fromtimestamp(int(said) / 1000, tz=UTC)
    except (OverflowError, OSError, ValueError):
        return None


# --- what HubSpot says --------------------------------------------------------------------------------

_HUBSPOT_KINDS = {"contact": ObjectKind.PERSON, "company": ObjectKind.COMPANY}
_HUBSPOT_TYPES = {"0-1": ObjectKind.PERSON, "0-2": ObjectKind.COMPANY, "0-27": ObjectKind.TASK}


def hubspot_changes(said: Any, *, at: datetime) -> list[RemoteChange]:
    """A batch of subscriptions' events, old (`contact.propertyChange`) and generic (`object.propertyChange`)."""
    entries = said if isinstance(said, list) else [said]
    return list(_hubspot(entries[:MOST_CHANGES], at))


def _hubspot(entries: list[Any], at: datetime) -> Iterator[RemoteChange]:
    for entry in entries:
        if not isinstance(entry, dict) or "objectId" not in entry:
            continue
        subject, _, verb = str(entry.get("subscriptionType", "")).partition(".")
        kind = _HUBSPOT_KINDS.get(subject) or _HUBSPOT_TYPES.get(str(entry.get("objectTypeId", "")))
        if (
            kind is None or entry.get("changeSource") == "INTEGRATION"
        ):  # that was ourselves, or another like us
            continue
        about = (_hubspot_key(entry), kind, str(entry["objectId"])[:100])
        when = _milliseconds(entry.get("occurredAt")) or at
        if verb in {"deletion", "privacyDeletion"}:
            yield RemoteChange(*about, when, deleted=True)
        elif verb == "restore":
            yield RemoteChange(*about, when, restored=True)
        elif verb == "propertyChange" and isinstance(entry.get("propertyName"), str):
            yield RemoteChange(*about, when, {entry["propertyName"]: entry.get("propertyValue")})


def _hubspot_key(entry: Mapping[str, Any]) -> str:
    """What tells an event from others. Its own number is not unique, says HubSpot; a second delivery has all alike."""
    names = ("eventId", "subscriptionType", "objectTypeId", "objectId", "propertyName", "occurredAt")
    text = json.dumps([str(entry.get(name)) for name in names])
    return f"hubspot:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


# --- what Twenty says ---------------------------------------------------------------------------------

_TWENTY_KINDS = {"person": ObjectKind.PERSON, "company": ObjectKind.COMPANY, "task": ObjectKind.TASK}


def twenty_changes(said: Any, *, at: datetime) -> list[RemoteChange]:
    """One event of one record, or a batch of them (`items`); parts of a record come as `name.firstName`."""
    if not isinstance(said, dict):
        return []
    subject, _, verb = str(said.get("eventName") or said.get("event") or "").partition(".")
    kind = _TWENTY_KINDS.get(subject)
    if kind is None or verb not in {"created", "updated", "deleted", "destroyed", "restored"}:
        return []
    entries = said["items"] if isinstance(said.get("items"), list) else [said]
    return list(_twenty(kind, verb, entries[:MOST_CHANGES], said, at))


def _twenty(
    kind: ObjectKind, verb: str, entries: list[Any], said: Mapping[str, Any], at: datetime
) -> Iterator[RemoteChange]:
    for entry in entries:
        record = (entry.get("record") or entry.get("data")) if isinstance(entry, dict) else None
        if not isinstance(record, dict) or not isinstance(record.get("id"), str):
            continue
        when = _iso(record.get("updatedAt")) or _iso(said.get("eventDate")) or at
        key = f"twenty:{verb}:{record['id']}:{when.isoformat()}"[:160]
        gone = verb in {"deleted", "destroyed"} or bool(record.get("deletedAt"))
        if gone:
            yield RemoteChange(key, kind, record["id"][:100], when, deleted=True)
            continue
        if verb == "restored":
            yield RemoteChange(key, kind, record["id"][:100], when, restored=True)
            continue
        changed = entry.get("updatedFields")
        names = changed if isinstance(changed, list) else list(record)
        values = flat({name: record.get(name) for name in names if isinstance(name, str)})
        yield RemoteChange(key, kind, record["id"][:100], when, values)


def flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record with the parts of its composite fields under names of their own, `emails.primaryEmail`."""
    found: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            found.update({f"{name}.{part}": inner for part, inner in value.items()})
        else:
            found[name] = value
    return found


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """The other way: `{"name.firstName": "Ada"}` becomes `{"name": {"firstName": "Ada"}}`."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        head, _, part = name.partition(".")
        if part:
            found.setdefault(head, {})[part] = value
        else:
            found[head] = value
    return found


def _iso(text: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
