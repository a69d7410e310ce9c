"""Mail that a change of a trial causes at once: the reader `trial-mail` of the history."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import User
from config.kit.errors import FieldError, Invalid
from config.kit.locks import referable
from history.domain.kinds import Kind
from history.models import Event
from history.services import record
from notifications.models import Message, Stream
from notifications.services.drips import drip_trial, license_mail
from notifications.services.messages import message_queue
from notifications.trial_content import said, trial_context
from trials.domain.addresses import read_address
from trials.models import Trial, TrialRequest
from trials.services.requesting import CODE_LASTS, code_of

READER = "trial-mail"
KINDS = (
    Kind.TRIAL_STARTED,
    Kind.TRIAL_EXTENDED,
    Kind.TRIAL_REQUESTED,
    Kind.TRIAL_APPROVED,
    Kind.TRIAL_DENIED,
    Kind.TRIAL_MORE_ASKED,
    Kind.TRIAL_REFUSED,
)
ACTOR = "system:trial-mail"
JUST_MAILED = timedelta(minutes=10)
"""So long after the start the license is on its way: asking twice in a row brings one mail."""


def follow(event: Event, *, at: datetime) -> None:
    """One event, in the transaction that moves the reader's cursor; the mail is queued in it."""
    uid = UUID(event.subject.partition(":")[2])
    if event.kind == Kind.TRIAL_STARTED:
        _started(uid, at)
    elif event.kind == Kind.TRIAL_EXTENDED:
        _extended(uid, event, at)
    else:
        _request(uid, event, at)


def _started(uid: UUID, at: datetime) -> None:
    trial = Trial.objects.filter(uid=uid, ended_at=None).first()
    if trial is not None:
        drip_trial(trial_id=trial.pk, at=at)


def _extended(uid: UUID, event: Event, at: datetime) -> None:
    trial = _trials().filter(uid=uid, ended_at=None).first()
    if trial is not None:
        key = f"trial:{uid}:extension:{event.data.get('extension', '')}"
        license_mail(trial=trial, changed={"extended": True}, dedupe_key=key, actor=ACTOR, at=at)


def _request(uid: UUID, event: Event, at: datetime) -> None:
    row = TrialRequest.objects.select_related("program__product", "account", "trial").filter(uid=uid).first()
    if row is None:
        return
    if event.kind in (Kind.TRIAL_DENIED, Kind.TRIAL_MORE_ASKED):
        _decision(row, event, at)
    elif event.kind == Kind.TRIAL_REFUSED:
        _refused(row, event, at)
    elif event.data.get("state") == TrialRequest.State.UNVERIFIED:
        _code(row, at)
    elif event.data.get("again"):
        _again(row, event, at)


def _again(row: TrialRequest, event: Event, at: datetime) -> None:
    """The license of the trial that runs, to whoever asked; once a day for each address."""
    trial = _trials().filter(requests=row, ended_at=None).first()
    if trial is None or _just_mailed(trial, row.address, event.at):
        return
    key = f"trial:{trial.uid}:again:{at:%Y-%m-%d}:{_whose(row)}"
    license_mail(trial=trial, to=row.email, changed={"again": True}, dedupe_key=key, actor=ACTOR, at=at)


def _whose(row: TrialRequest) -> str:
    """The address in a key; an address may be longer than one."""
    return hashlib.sha256(row.address.encode()).hexdigest()[:32]


def _just_mailed(trial: Trial, address: str, asked_at: datetime) -> bool:
    """Is the license on its way to this address, because its trial has just begun?"""
    return asked_at - trial.started_at < JUST_MAILED and read_address(trial.email).canonical == address


def _code(row: TrialRequest, at: datetime) -> Message:
    return message_queue(
        template="trial_code",
        to=row.email,
        context={
            "product": row.program.product.name,
            "code": code_of(row),
            "minutes": int(CODE_LASTS.total_seconds() // 60),
        },
        stream=Stream.TRANSACTIONAL,
        dedupe_key=f"trial_request:{row.uid}:code",
        secrets=[code_of(row)],
        actor=ACTOR,
        at=at,
    )


def _refused(row: TrialRequest, event: Event, at: datetime) -> Message:
    """To whoever has had the trial: when another is possible. The page and the API told nobody.

    Once a day for each address, also of requests that came at the same instant.
    """
    until = datetime.fromisoformat(str(event.data["until"]))
    return message_queue(
        template="trial_used",
        to=row.email,
        context={
            "product": row.program.product.name,
            "name": row.name.partition(" ")[0],
            "until": said(until, clock=False),
        },
        stream=Stream.TRANSACTIONAL,
        dedupe_key=f"trial_used:{row.program_id}:{event.at:%Y-%m-%d}:{_whose(row)}",
        actor=ACTOR,
        at=at,
    )


def _decision(row: TrialRequest, event: Event, at: datetime) -> Message:
    return message_queue(
        template="trial_decision",
        to=row.email,
        context={
            "product": row.program.product.name,
            "name": row.name.partition(" ")[0],
            "denied": event.kind == Kind.TRIAL_DENIED,
            "said": row.decision,
        },
        stream=Stream.TRANSACTIONAL,
        dedupe_key=f"trial_request:{row.uid}:{event.uid}",
        account=row.account,
        actor=ACTOR,
        at=at,
    )


def trial_nudge(*, trial: Trial, words: str, sender: User, actor: str, at: datetime) -> Message:
    """A word from staff to somebody who is trying; replies go to that member of staff. Raises Invalid.

    Once a day for each trial and member of staff: pressing twice sends once, and tells once.
    """
    text = words.strip()
    if not text or len(text) > 2000:  # noqa: PLR2004 - as long as a note
        raise Invalid([FieldError("words", "required", "Write 1 to 2,000 characters.")])
    with transaction.atomic():
        row = referable(_trials().filter(pk=trial.pk)).get()
        key = f"trial:{row.uid}:nudge:{at:%Y-%m-%d}:{sender.pk}"
        known = Message.objects.filter(dedupe_key=key).first()
        if known is not None:  # nothing is sent, so nothing is told
            return known
        row.nudged_at = at
        row.save(update_fields=["nudged_at"])
        message = message_queue(
            template="trial_nudge",
            to=row.email,
            context={**trial_context(row, at=at), "said": text, "sender_name": str(sender)},
            stream=Stream.TRIAL,
            dedupe_key=key,
            account=row.account,
            license=row.license,
            reply_to=sender.email,
            actor=actor,
            at=at,
        )
        record(
            kind=Kind.TRIAL_NUDGED,
            subject=f"trial:{row.uid}",
            account=row.account.customer_id,
            actor=actor,
            data={"message": str(message.uid)},
            at=at,
        )
    return message


def _trials() -> QuerySet[Trial]:
    return Trial.objects.select_related("program", "account", "license__product", "license__account")
