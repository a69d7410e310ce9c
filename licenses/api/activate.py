"""`POST /api/v1/activations` the short way: answered before sessions, CSRF and DRF, because machines ask often.

Only what is plain is answered here: a license that is one of ours, and a body that is right at first sight.
Everything else (a check-out, a text that is none of ours, whatever does not fit) goes on to the operation in
`activations`, which answers and refuses as it always does.
"""

from __future__ import annotations

import json
import logging
import re
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from prometheus_client import Counter

from config.kit import clock
from config.kit.api.parsers import loads
from config.kit.api.problems import refusal_of
from config.kit.api.problems import response as problem
from config.kit.errors import Refusal, Unavailable
from config.kit.middleware import hot_path
from licenses.api import activations
from licenses.models import Activation
from licenses.services.activations import LONGEST_LEASE, SHORTEST_LEASE, Taken, activation_take_by_text
from licenses.services.heartbeats import Speaker, speaker_of
from licenses.services.signals import LicenseUnverified

PATH = "/api/v1/activations"
MEMBERS = frozenset({"fingerprint", "collector_id", "label", "lease_seconds"})
MOST_BYTES = 4096
LEASES = range(int(SHORTEST_LEASE.total_seconds()), int(LONGEST_LEASE.total_seconds()) + 1)
_collector_id = re.compile(r"[\x21-\x7e]{1,128}").fullmatch

log = logging.getLogger("signet.activations")
ACTIVATIONS = Counter("signet_activations", "Activations answered the short way, by outcome", ["outcome"])
_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


@hot_path(PATH)
def activate(request: HttpRequest) -> HttpResponse | None:
    """Take a place, or keep the one that is held; None for what the operation itself answers."""
    if request.method != "POST":
        return None
    at = clock.now()
    asked = _asked(request)
    speaker = _speaker(request, at) if asked else None
    if asked is None or speaker is None:
        return None
    try:
        activations.demand_turn(speaker.name)
        answer = _answer(_take(speaker, asked, at))
    except (DatabaseError, InterfaceError) as error:
        log.exception("activation_unavailable")
        answer = problem(refusal_of(error) or Unavailable("The database does not answer.", retry_after=5))
    except Refusal as refusal:
        answer = problem(refusal)
    _count_of(str(answer.status_code)).inc()
    return answer


@cache  # outcomes are a closed list
def _count_of(outcome: str) -> Counter:
    return ACTIVATIONS.labels(outcome)


def _speaker(request: HttpRequest, at: datetime) -> Speaker | None:
    scheme, _, text = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        return None
    try:
        return speaker_of(text, at=at)
    except LicenseUnverified:
        return None


def _asked(request: HttpRequest) -> dict[str, Any] | None:
    """The members of a body that is right at first sight."""
    length = request.META.get("CONTENT_LENGTH") or ""
    if request.content_type != "application/json" or not length.isdigit() or int(length) > MOST_BYTES:
        return None
    try:
        body = loads(request.body)
    except Refusal:
        return None
    return body if isinstance(body, dict) and body.keys() <= MEMBERS and _fits(body) else None


def _fits(body: dict[str, Any]) -> bool:
    lease = body.get("lease_seconds", LEASES.start)
    if type(lease) is not int or lease not in LEASES or not _is_text(body.get("label", ""), 100):
        return False
    if "fingerprint" in body:
        fingerprint = body["fingerprint"]
        return "collector_id" not in body and fingerprint != "" and _is_text(fingerprint, 255)
    found = body.get("collector_id")
    return isinstance(found, str) and _collector_id(found) is not None


def _is_text(value: object, longest: int) -> bool:
    return isinstance(value, str) and len(value) <= longest and value == value.strip()


def _take(speaker: Speaker, asked: dict[str, Any], at: datetime) -> Taken:
    kind, name = activations.place_of(asked)
    lease = asked.get("lease_seconds")
    return activation_take_by_text(
        digest=speaker.digest,
        kind=kind,
        name=name,
        label=asked.get("label", ""),
        lease=timedelta(seconds=lease) if lease else None,
        at=at,
    )


def _answer(taken: Taken) -> HttpResponse:
    body = _json(
        {
            "activation": shown(taken.activation),
            "limit": taken.limit,
            "used": taken.used,
            "document": taken.document,
        }
    )
    return HttpResponse(
        body.encode(),
        content_type="application/json",
        status=201 if taken.created else 200,
        headers={"Cache-Control": "no-store"},
    )


def shown(row: Activation) -> dict[str, Any]:
    """A place as `PlaceOutput` shows it."""
    return {
        "id": row.pk,
        "kind": row.kind,
        "identifier": row.identifier,
        "label": row.label,
        "created_at": _instant(row.created_at),
        "last_seen_at": _instant(row.last_seen_at),
        "lease_until": _instant(row.lease_until) if row.lease_until else None,
        "offline": row.offline,
    }


def _instant(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
