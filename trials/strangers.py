"""Requests of strangers, by the API and by the hosted page: one set of rules, and one answer for everybody."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from config.kit.errors import FieldError, Invalid
from trials.domain.touches import Touch, read_touch
from trials.errors import KeyNeeded, TrialCooldown
from trials.models import TrialProgram
from trials.services.requesting import Asking, request_refused, trial_request

ACTOR = "public:trial"
ASKED = "Thank you. If everything fits, a mail is on its way to you."
CODE_SENT = "A code is on its way to your address. Enter it to get your trial."


@dataclass(frozen=True, slots=True)
class Received:
    """What a stranger is told: the id of the request, and whether a code is asked for."""

    uid: uuid.UUID
    needs_code: bool

    @property
    def message(self) -> str:
        return CODE_SENT if self.needs_code else ASKED


def stranger_asks(
    *, program: TrialProgram, values: Mapping[str, Any], address: str, at: datetime
) -> Received:
    """Take a request without a credential. Raises KeyNeeded, Invalid, ProgramClosed.

    Who fills the hidden field, and who has had the trial already, is told what everybody is told.
    """
    if not program.public:
        raise KeyNeeded
    needs_code = program.verify_address
    if values.get("website"):  # the honeypot: forgotten at once
        return Received(uuid.uuid4(), needs_code)
    demand_captcha(values.get("captcha", ""), address)
    asking = asking_of(values, trusted=False)
    try:
        asked = trial_request(program=program, asking=asking, actor=ACTOR, at=at)
    except TrialCooldown as refusal:
        # a stranger learns nothing of an address that nobody has proven: whoever reads its mail does
        until = str(refusal.members["until"])
        request_refused(program=program, asking=asking, until=until, actor=ACTOR, at=at)
        return Received(uuid.uuid4(), needs_code)
    return Received(asked.request.uid, needs_code)


def demand_captcha(answer: str, address: str) -> None:
    """Ask the hook of SIGNET_TRIAL_CAPTCHA, if one is set: `module.function(answer, address) -> bool`."""
    if not settings.TRIAL_CAPTCHA:
        return
    if not import_string(settings.TRIAL_CAPTCHA)(answer, address):
        raise Invalid([FieldError("captcha", "captcha_failed", "Please show that you are a person.")])


def asking_of(values: Mapping[str, Any], *, trusted: bool) -> Asking:
    """The checked body of a request as its service takes it."""
    return Asking(
        email=values["email"],
        name=values.get("name", ""),
        company=values.get("company", ""),
        answers=values.get("answers"),
        terms_version=values.get("terms_version", ""),
        first_touch=_touch(values.get("first_touch")),
        last_touch=_touch(values.get("last_touch")),
        trusted=trusted,
    )


def _touch(given: Mapping[str, Any] | None) -> Touch | None:
    return read_touch(given, given.get("at")) if given else None
