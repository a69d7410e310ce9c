"""What the master says about our own license: the one place that speaks to it.

Over HTTPS through its validate API, or from the rows of this database when it is its own master. An answer
that cannot be understood is no answer: what was known before stays (C9).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError

from config.kit.outgoing import NotSent, send_to_own
from licenses.domain.entitlements import EntitlementError, parse
from licenses.domain.own_license import Answer, Heard
from licenses.domain.verdict_codes import FAILURES
from licenses.trust_root import is_own_master
from licenses.validation import Question, verdict_for

PATH: Final = "/api/v1/licenses/validate"
SECONDS: Final = 10.0
"""Longest exchange, all in all, however the other side drips."""
MOST_BYTES: Final = 256 * 1024
ANSWERED: Final = 200

log = structlog.get_logger(__name__)
# one reason of a verdict, one meaning for us; any other of its table says that the license may not be used as it is
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
            return Heard(Answer.NO_MASTER, "no_master")
        return heard_of(_post(text))
    except (NoAnswer, DatabaseError, InterfaceError) as error:
        log.warning("self_license_master_silent", error=str(error)[:200])
        return Heard(Answer.UNREACHABLE, str(error)[:200])


def heard_of(verdict: object) -> Heard:
    """What a verdict of the validate API means. Raises NoAnswer when it is none."""
    if not isinstance(verdict, Mapping) or not isinstance(verdict.get("ok"), bool):
        raise NoAnswer("The master did not answer with a verdict.")
    if not verdict["ok"]:
        return _refusal(verdict.get("reason"))
    try:
        live = parse(verdict.get("entitlements"))
        seats = verdict["limits"]["seats"]["cap"]
    except (EntitlementError, KeyError, TypeError) as error:
        raise NoAnswer("The verdict of the master cannot be read.") from error
    if type(seats) is not int or not 0 <= seats < 2**31:
        raise NoAnswer("The verdict of the master has no number of seats.")
    return Heard(Answer.LIVE, "", live, seats)


def _refusal(reason: object) -> Heard:
    """Only a code that we know is a no. Raises NoAnswer."""
    if not isinstance(reason, str) or reason not in FAILURES:
        raise NoAnswer("The verdict of the master has no reason that is known here.")
    return Heard(MEANS.get(reason, Answer.ENDED), reason)


def _post(text: str) -> Any:
    body = json.dumps({"key": text, "product": settings.SELF_LICENSE_PRODUCT}).encode()
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    url = settings.SELF_LICENSE_MASTER_URL + PATH
    try:
        answer = send_to_own("POST", url, headers, body, most=MOST_BYTES, seconds=SECONDS)
    except NotSent as error:
        raise NoAnswer(f"The master cannot be reached: {error}") from error
    if answer.status != ANSWERED:
        raise NoAnswer(f"The master answered {answer.status}.")
    if not answer.whole:
        raise NoAnswer("The answer of the master is too large, or broke off.")
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise NoAnswer("The master did not answer with JSON.") from error
