"""Asking for a trial: what is checked, the code by mail, and the operator's word (A21, E21, trust: People)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts.models import Account
from config.kit.errors import FieldError, Invalid
from config.kit.locks import referable
from history.domain.kinds import Kind
from history.services import record_many
from trials.domain.addresses import Address, AddressError, is_disposable, is_free_mail, read_address
from trials.domain.questions import answer_problems
from trials.domain.touches import Touch
from trials.errors import CodeLapsed, CodeWrong, ProgramClosed, RequestDecided, TrialCooldown
from trials.models import TrialProgram, TrialRequest
from trials.services.events import record_request, request_event
from trials.services.granting import Granted, trial_grant, trial_grant_again

CODE_DIGITS = 6
CODE_LASTS = timedelta(hours=1)
CODE_TRIES = 5
REFUSED_ONCE_IN = timedelta(days=1)
BATCH = 500
LAPSE = "system:trial-sweep"
OPEN = (TrialRequest.State.WAITING, TrialRequest.State.MORE_ASKED)


@dataclass(frozen=True, slots=True)
class Requested:
    """The request, and the trial when it is granted already."""

    request: TrialRequest
    granted: Granted | None


@dataclass(frozen=True, slots=True)
class Asking:
    """What a requester says of himself. `trusted`: the storefront vouches for the address."""

    email: str
    name: str = ""
    company: str = ""
    answers: Mapping[str, Any] | None = None
    terms_version: str = ""
    first_touch: Touch | None = None
    last_touch: Touch | None = None
    trusted: bool = False


def trial_request(
    *, program: TrialProgram, asking: Asking, account: Account | None = None, actor: str, at: datetime
) -> Requested:
    """Take a request and carry it as far as it may go: to its code, to the operator, or to a running trial.

    `account` is the group that a storefront names. Raises Invalid, ProgramClosed, TrialCooldown.
    """
    if not program.active:
        raise ProgramClosed
    row = _row(program, asking, account, actor, at)
    waits_for_code = program.verify_address and not asking.trusted
    row.state = TrialRequest.State.UNVERIFIED if waits_for_code else TrialRequest.State.WAITING
    with transaction.atomic():
        if waits_for_code:
            row.code_until = at + CODE_LASTS
        row.save(force_insert=True)
        if waits_for_code:
            record_request(Kind.TRIAL_REQUESTED, row, {}, actor=actor, at=at)
            return Requested(row, None)
        return _go_on(row, actor, at)


def request_refused(
    *, program: TrialProgram, asking: Asking, until: str, actor: str, at: datetime
) -> TrialRequest | None:
    """Keep that somebody who has had the trial asked again, so that a mail can say when the next is possible.

    Once a day for each address; None for what comes besides. `until` is an instant in UTC. Raises Invalid.
    """
    row = _row(program, asking, None, actor, at)
    row.state = TrialRequest.State.REFUSED
    today = TrialRequest.objects.filter(
        address=row.address, program=program, state=row.state, created_at__gt=at - REFUSED_ONCE_IN
    )
    with transaction.atomic():
        if today.exists():
            return None
        row.save(force_insert=True)
        record_request(Kind.TRIAL_REFUSED, row, {"until": until}, actor=actor, at=at)
    return row


def _row(
    program: TrialProgram, asking: Asking, account: Account | None, actor: str, at: datetime
) -> TrialRequest:
    """A request as it is kept, not saved yet. Raises Invalid."""
    address = _checked(program, asking)
    return TrialRequest(
        program=program, email=address.typed, address=address.canonical, domain=address.company_domain,
        name=asking.name, company=asking.company, group=account.slug if account else "", account=account,
        answers=dict(asking.answers or {}), terms_version=asking.terms_version,
        terms_accepted_at=at if asking.terms_version else None,
        first_touch=asking.first_touch.to_dict() if asking.first_touch else {},
        last_touch=asking.last_touch.to_dict() if asking.last_touch else {},
        address_proven=asking.trusted, created_by=actor, created_at=at,
    )  # fmt: skip


def request_confirm(*, request: TrialRequest, code: str, at: datetime) -> Requested:
    """Take the mailed code. Raises CodeWrong (400), CodeLapsed, RequestDecided, TrialCooldown (409).

    What a refusal leaves is kept before it is raised: each try counts, also when it fails, and of somebody who
    has had the trial the request stays as refused, with a mail that says when the next is possible.
    """
    with transaction.atomic():
        row = _locked(request)
        if row.state != TrialRequest.State.UNVERIFIED:
            raise RequestDecided
        if row.code_until is None or at >= row.code_until or row.code_tries >= CODE_TRIES:
            raise CodeLapsed
        if hmac.compare_digest(code.strip().encode(), code_of(row).encode()):
            said: Requested | TrialCooldown | CodeWrong = _proven(row, at)
        else:
            row.code_tries += 1
            row.save(update_fields=["code_tries"])
            said = CodeWrong(tries_left=CODE_TRIES - row.code_tries)
    if isinstance(said, Requested):
        return said
    raise said


def _proven(row: TrialRequest, at: datetime) -> Requested | TrialCooldown:
    """Go on with a request whose code fits; a refusal is returned, for what is kept of it must not roll back."""
    actor = f"trial_request:{row.uid}"
    row.state, row.address_proven = TrialRequest.State.WAITING, True
    row.save(update_fields=["state", "address_proven"])
    try:
        with transaction.atomic():
            return _go_on(row, actor, at)
    except TrialCooldown as refusal:
        row.state = TrialRequest.State.REFUSED
        row.save(update_fields=["state"])
        record_request(Kind.TRIAL_REFUSED, row, {"until": refusal.members["until"]}, actor=actor, at=at)
        return refusal


def code_of(row: TrialRequest) -> str:
    """The code of a request: made from its id, its end and our secret, so that none is stored."""
    until = row.code_until.isoformat() if row.code_until else ""
    digest = hmac.new(
        settings.SECRET_KEY.encode(), f"trial-code:{row.uid}:{until}".encode(), hashlib.sha256
    ).digest()
    return str(int.from_bytes(digest[:8], "big") % 10**CODE_DIGITS).zfill(CODE_DIGITS)


def request_approve(*, request: TrialRequest, actor: str, at: datetime) -> Granted:
    """An operator grants a request. Raises RequestDecided, TrialCooldown, ProgramClosed."""
    with transaction.atomic():
        row = _open(request)
        granted = trial_grant(request=row, actor=actor, at=at)
        row.decided_by, row.decided_at = actor, at
        row.save(update_fields=["decided_by", "decided_at"])
        said = {"again": not granted.created, "trial": str(granted.trial.uid)}
        record_request(Kind.TRIAL_APPROVED, row, said, actor=actor, at=at)
    return granted


def request_deny(*, request: TrialRequest, reason: str, actor: str, at: datetime) -> TrialRequest:
    """An operator declines a request; `reason` is what the requester is told. Raises RequestDecided, Invalid."""
    return _decide(request, TrialRequest.State.DENIED, reason, actor=actor, at=at)


def request_ask_more(*, request: TrialRequest, question: str, actor: str, at: datetime) -> TrialRequest:
    """An operator asks the requester for more before deciding. Raises RequestDecided, Invalid."""
    return _decide(request, TrialRequest.State.MORE_ASKED, question, actor=actor, at=at)


def requests_lapse(*, at: datetime, limit: int = 10_000) -> int:
    """Let requests lapse whose code was never given, each with its event; return how many."""
    due = TrialRequest.objects.filter(state=TrialRequest.State.UNVERIFIED, code_until__lte=at)
    ids = list(due.order_by("pk").values_list("pk", flat=True)[:limit])
    return sum(_lapse(ids[start : start + BATCH], at) for start in range(0, len(ids), BATCH))


def _lapse(ids: list[int], at: datetime) -> int:
    with transaction.atomic():
        rows = TrialRequest.objects.select_related("program", "account")
        held = list(referable(rows.filter(pk__in=ids, state=TrialRequest.State.UNVERIFIED)).order_by("pk"))
        TrialRequest.objects.filter(pk__in=[row.pk for row in held]).update(state=TrialRequest.State.LAPSED)
        for row in held:
            row.state = TrialRequest.State.LAPSED
        record_many([request_event(Kind.TRIAL_LAPSED, row, {}, actor=LAPSE, at=at) for row in held])
    return len(held)


def _go_on(row: TrialRequest, actor: str, at: datetime) -> Requested:
    """Grant at once, or leave it to the operator; one event either way.

    What an operator decides is whether a trial begins: who is in one gets its license again, and who has had
    one waits for the end of the cooldown, whatever the program says.
    """
    grant = trial_grant if row.program.approval == TrialProgram.Approval.SELF_SERVE else trial_grant_again
    granted = grant(request=row, actor=actor, at=at)
    said: dict[str, Any] = {"again": not granted.created, "trial": str(granted.trial.uid)} if granted else {}
    record_request(Kind.TRIAL_REQUESTED, row, said, actor=actor, at=at)
    return Requested(row, granted)


def _checked(program: TrialProgram, asking: Asking) -> Address:
    problems: list[FieldError] = []
    address = None
    try:
        address = read_address(asking.email)
    except AddressError as error:
        problems.append(FieldError("email", "invalid", str(error)))
    if address is not None and is_disposable(address.domain):
        problems.append(FieldError("email", "disposable_address", "Please use an address that lasts."))
    elif address is not None and not program.free_mail and is_free_mail(address.domain):
        problems.append(FieldError("email", "free_mail_refused", "Please use the address of your company."))
    if program.terms_version and asking.terms_version != program.terms_version:
        problems.append(
            FieldError("terms_version", "terms_not_accepted", f"Accept the terms {program.terms_version}.")
        )
    problems += [
        FieldError(f"answers.{name}", code, detail)
        for name, code, detail in answer_problems(program.fields, asking.answers or {})
    ]
    if problems or address is None:
        raise Invalid(problems)
    return address


_DECISIONS = {
    TrialRequest.State.DENIED: Kind.TRIAL_DENIED,
    TrialRequest.State.MORE_ASKED: Kind.TRIAL_MORE_ASKED,
}


def _decide(
    request: TrialRequest, state: TrialRequest.State, said: str, *, actor: str, at: datetime
) -> TrialRequest:
    if not said.strip():
        raise Invalid([FieldError("reason", "required", "Say what the requester shall read.")])
    with transaction.atomic():
        row = _open(request)
        row.state, row.decision, row.decided_by, row.decided_at = state, said.strip(), actor, at
        row.save(update_fields=["state", "decision", "decided_by", "decided_at"])
        record_request(_DECISIONS[state], row, {}, actor=actor, at=at)
    return row


def _open(request: TrialRequest) -> TrialRequest:
    row = _locked(request)
    if row.state not in OPEN:
        raise RequestDecided(f"This request is {row.get_state_display()} already.")
    return row


def _locked(request: TrialRequest) -> TrialRequest:
    rows = TrialRequest.objects.select_related("program__product", "program__plan", "account")
    return referable(rows.filter(pk=request.pk)).get()
