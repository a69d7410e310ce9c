"""`POST /api/v1/licenses/validate`: answered before sessions, CSRF and DRF, because deployments ask often.

It always answers 200 with `ok` and `reason` (C22); only a fault of ours is a 503.
"""

from __future__ import annotations

import json
import logging
import time
from collections import OrderedDict
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from prometheus_client import Counter

from config.kit import clock
from config.kit.addresses import address_of
from config.kit.api.parsers import loads
from config.kit.api.problems import response as problem
from config.kit.api.throttling import parse_limit
from config.kit.errors import Malformed, Refusal, Unavailable
from config.kit.middleware import hot_path
from licenses.domain.verdict import VerdictFacts, verdict
from licenses.services.verdicts import verdict_sign
from licenses.validation import Question, verdict_for

PATH = "/api/v1/licenses/validate"
MEMBERS = frozenset({"key", "product", "fingerprint", "users", "nodes", "collector", "signed", "nonce"})
MAX_TEXT = 255
MAX_CLIENTS = 50_000
CHUNK = 64 * 1024
MOST_DROPPED = 16 * 1024 * 1024
"""Bytes of a body too large that are still read. Beyond them the line may well be cut."""

log = logging.getLogger("signet.validation")
VALIDATIONS = Counter("signet_validations", "Online validations by outcome", ["reason"])
_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


class WrongMethod(Refusal):
    code = "method_not_allowed"
    status = 405
    title = "Only POST is answered here."


@hot_path(PATH)
def validate(request: HttpRequest) -> HttpResponse:
    """Answer one validation. The body is JSON with `key` and optional product, fingerprint, users, nodes."""
    if request.method != "POST":
        refused = problem(WrongMethod())
        refused["Allow"] = "POST"
        return refused
    at = clock.now()
    try:
        return _send(request, _answer(request, at))
    except (DatabaseError, InterfaceError):
        log.exception("validation_unavailable")
        return problem(Unavailable("The database does not answer.", retry_after=5))
    except Refusal as refusal:
        return problem(refusal)


class Answer(NamedTuple):
    body: bytes
    reason: str
    license_id: str | None


def _answer(request: HttpRequest, at: datetime) -> Answer:
    if not _admitted(address_of(request)):
        return _answer_of(verdict(VerdictFacts(now=at, rate_limited=True)).to_dict(), "rate_limited")
    try:
        raw = _raw(request)
        remembered = _remembered(raw, at) if settings.VALIDATION_CACHE_SECONDS else None
        if remembered is not None:
            return remembered
        body = _members(raw)
    except Refusal as refusal:
        if not isinstance(refusal, Malformed):
            raise
        judged = verdict(VerdictFacts(now=at)).to_dict()
        return _answer_of({**judged, "detail": refusal.detail}, "bad_format")
    question = Question(
        text=body["key"],
        product=body.get("product"),
        fingerprint=body.get("fingerprint"),
        users=body.get("users"),
        nodes=body.get("nodes"),
        collector=body.get("collector", False),
    )
    judged_now = verdict_for(question, at=at)
    reason = judged_now.reason or "ok"
    if body.get("signed"):
        document = verdict_sign(judged_now, nonce=body.get("nonce"), at=at)
        return _answer_of({**judged_now.to_dict(), "document": document}, reason)
    answer = _answer_of(judged_now.to_dict(), reason)
    if settings.VALIDATION_CACHE_SECONDS:
        _remember(raw, answer, judged_now.changes_at)
    return answer


def _answer_of(members: dict[str, Any], reason: str) -> Answer:
    return Answer(_json(members).encode(), reason, members.get("license_id"))


@cache  # the reasons are a closed list
def _count_of(reason: str) -> Counter:
    return VALIDATIONS.labels(reason)


def _send(request: HttpRequest, answer: Answer) -> HttpResponse:
    _count_of(answer.reason).inc()
    if log.isEnabledFor(logging.INFO):
        line = '{"timestamp":"%s","level":"info","event":"validation","reason":"%s","license":"%s","request_id":"%s"}'
        # every part is ours or, like the request id, was checked to be plain
        log.info(
            line, clock.now().isoformat(), answer.reason, answer.license_id or "",
            request.META.get("HTTP_X_REQUEST_ID", ""),
        )  # fmt: skip
    return HttpResponse(answer.body, content_type="application/json", headers={"Cache-Control": "no-store"})


# --- reading the body -----------------------------------------------------------------------------------


def _raw(request: HttpRequest) -> bytes:
    """Return the body. Raises Malformed, which is answered as `bad_format`."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        _pass_over(request)
        raise Malformed("The body is too large.")
    return request.body


def _pass_over(request: HttpRequest) -> None:
    """Read and drop a body that is too large: a caller who still writes would see a reset, not the answer."""
    for _ in range(MOST_DROPPED // CHUNK):
        if not request.read(CHUNK):
            return


def _members(raw: bytes) -> dict[str, Any]:
    """Return the members of a body, checked. Raises Malformed."""
    body = loads(raw)
    if not isinstance(body, dict) or not isinstance(body.get("key"), str):
        raise Malformed("The body is an object with the text of a license as `key`.")
    unknown = body.keys() - MEMBERS
    if unknown:
        raise Malformed(f"Unknown members: {', '.join(sorted(unknown))[:200]}.")
    for name in ("product", "fingerprint", "nonce"):
        value = body.get(name)
        if value is not None and not (isinstance(value, str) and len(value) <= MAX_TEXT):
            raise Malformed(f"`{name}` is text of at most {MAX_TEXT} characters.")
    for name in ("users", "nodes"):
        value = body.get(name)
        if value is not None and not (type(value) is int and 0 <= value < 2**31):
            raise Malformed(f"`{name}` is a whole number, 0 or more.")
    for name in ("collector", "signed"):
        if not isinstance(body.get(name, False), bool):
            raise Malformed(f"`{name}` is true or false.")
    return body


# --- limits: one fixed window for each address, in the memory of this process -----------------------------

_windows: OrderedDict[str, tuple[int, int]] = OrderedDict()


def _admitted(client: str) -> bool:
    """Count this call. The bound is for each process: a limit here must not cost a network round trip."""
    count, period = parse_limit(settings.VALIDATION_LIMIT)
    window = int(time.monotonic() // period)
    seen, used = _windows.get(client, (window, 0))
    used = used + 1 if seen == window else 1
    _windows[client] = (window, used)
    if len(_windows) > MAX_CLIENTS:
        _windows.popitem(last=False)
    return used <= count


# --- the optional cache: answers may be a few seconds old, never past the instant at which they change -----
# By the very bytes of the request: who asks again asks alike, and what need not be parsed costs nothing.

LONGEST_REMEMBERED = 8192
_answers: OrderedDict[bytes, tuple[float, datetime | None, Answer]] = OrderedDict()


def _remembered(raw: bytes, at: datetime) -> Answer | None:
    found = _answers.get(raw)
    if found is None:
        return None
    until, changes_at, answer = found
    if time.monotonic() >= until or (changes_at is not None and at >= changes_at):
        return None
    return answer


def _remember(raw: bytes, answer: Answer, changes_at: datetime | None) -> None:
    if len(raw) > LONGEST_REMEMBERED:
        return
    until = time.monotonic() + settings.VALIDATION_CACHE_SECONDS
    _answers[raw] = (until, changes_at, answer)
    while len(_answers) > settings.VALIDATION_CACHE_ENTRIES:
        _answers.popitem(last=False)


def forget() -> None:
    """Drop limits and remembered answers of this process."""
    _windows.clear()
    _answers.clear()
