"""What the master says about our own license: the one place that speaks to it.

Over HTTPS through its validate API, or from the rows of this database when it is its own master. An answer
that cannot be understood is no answer: what was known before stays (C9).
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import structlog
import urllib3
from django.conf import settings
from django.db import DatabaseError, InterfaceError

from licenses.domain.entitlements import EntitlementError, parse
from licenses.domain.own_license import Answer, Heard
from licenses.trust_root import is_own_master
from licenses.validation import Question, verdict_for

PATH: Final = "/api/v1/licenses/validate"
SECONDS: Final = 10.0
"""Longest exchange, all in all."""
MOST_BYTES: Final = 256 * 1024
ANSWERED: Final = 200

log = structlog.get_logger(__name__)
# one reason of a verdict, one meaning for us; any other one says that the license may not be used as it is
MEANS: Final[Mapping[str, Answer]] = {
    "revoked": Answer.REVOKED,
    "key_revoked": Answer.REVOKED,
    "suspended": Answer.SUSPENDED,
    "not_found": Answer.UNKNOWN,
    "rate_limited": Answer.UNREACHABLE,
    "bad_format": Answer.UNREACHABLE,
    "bad_signature": Answer.UNREACHABLE,
    "issuer_mismatch": Answer.UNREACHABLE,
}


class NoAnswer(Exception):
    """Why the master said nothing that counts."""


def master_ask(text: str, *, at: datetime) -> Heard:
    """Ask what the row of our license says now. Never raises. No transaction may be open meanwhile."""
    try:
        if is_own_master():
            question = Question(text, product=settings.SELF_LICENSE_PRODUCT)
            return heard_of(verdict_for(question, at=at).to_dict())
        if not settings.SELF_LICENSE_MASTER_URL:
            return Heard(Answer.UNKNOWN, "no_master")
        return heard_of(_post(text))
    except (NoAnswer, DatabaseError, InterfaceError) as error:
        log.warning("self_license_master_silent", error=str(error)[:200])
        return Heard(Answer.UNREACHABLE, str(error)[:200])


def heard_of(verdict: object) -> Heard:
    """What a verdict of the validate API means. Raises NoAnswer when it is none."""
    if not isinstance(verdict, Mapping) or not isinstance(verdict.get("ok"), bool):
        raise NoAnswer("The master did not answer with a verdict.")
    if not verdict["ok"]:
        reason = str(verdict.get("reason") or "")[:40]
        return Heard(MEANS.get(reason, Answer.ENDED), reason)
    try:
        live = parse(verdict.get("entitlements"))
        seats = verdict["limits"]["seats"]["cap"]
    except (EntitlementError, KeyError, TypeError) as error:
        raise NoAnswer("The verdict of the master cannot be read.") from error
    if type(seats) is not int or not 0 <= seats < 2**31:
        raise NoAnswer("The verdict of the master has no number of seats.")
    return Heard(Answer.LIVE, "", live, seats)


def _post(text: str) -> Any:
    until = time.monotonic() + SECONDS
    body = json.dumps({"key": text, "product": settings.SELF_LICENSE_PRODUCT})
    timeout = urllib3.Timeout(total=SECONDS, connect=SECONDS / 2)
    try:
        with urllib3.PoolManager(num_pools=1, retries=False, timeout=timeout) as pool:
            answer = pool.request(
                "POST", settings.SELF_LICENSE_MASTER_URL + PATH, body=body, redirect=False,
                preload_content=False, headers={"Content-Type": "application/json", "Accept": "application/json"},
            )  # fmt: skip
            if answer.status != ANSWERED:
                raise NoAnswer(f"The master answered {answer.status}.")
            return json.loads(_read(answer, until))
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise NoAnswer(f"The master cannot be reached: {type(error).__name__}.") from error
    except (ValueError, RecursionError) as error:
        raise NoAnswer("The master did not answer with JSON.") from error


def _read(answer: urllib3.BaseHTTPResponse, until: float) -> bytes:
    """The whole body, as long as it is small and comes in time. Raises NoAnswer."""
    parts: list[bytes] = []
    size = 0
    for part in answer.stream(16 * 1024):
        size += len(part)
        if size > MOST_BYTES or time.monotonic() > until:
            raise NoAnswer("The answer of the master is too large or too slow.")
        parts.append(part)
    return b"".join(parts)
