"""The mail that tells an evaluator how a trial ended, and how far it came (B14, B18): the reader `evidence-mail`."""

from __future__ import annotations

from datetime import datetime, timedelta

from history.domain.kinds import Kind
from history.models import Event
from notifications.models import Message, Stream
from notifications.services.messages import message_queue
from notifications.trial_content import said, trial_context
from trials.domain.evidence.words import DeliveryState, NotificationChannel, StageName
from trials.models import EvaluatorNotification, EvidencePackage, GraceApproval, Trial
from trials.services.evidence.notifying import notification_state_set

READER = "evidence-mail"
KINDS = (Kind.EVALUATOR_NOTIFIED,)
ACTOR = "system:evidence-mail"
FOLLOWED = timedelta(days=30)
"""A provider that has said nothing for so long will not say anything any more."""

STATES: dict[str, DeliveryState] = {
    Message.State.QUEUED: DeliveryState.QUEUED,
    Message.State.CLAIMED: DeliveryState.QUEUED,
    Message.State.SENT: DeliveryState.SENT,
    Message.State.DELIVERED: DeliveryState.DELIVERED,
    Message.State.COMPLAINED: DeliveryState.DELIVERED,
    Message.State.BOUNCED: DeliveryState.FAILED,
    Message.State.FAILED: DeliveryState.FAILED,
    Message.State.SUPPRESSED: DeliveryState.FAILED,
}


def follow(event: Event, *, at: datetime) -> None:
    """One event, in the transaction that moves the reader's cursor; the mail is queued in it."""
    told = EvaluatorNotification.objects.filter(uid=str(event.data.get("notification", ""))).first()
    if told is None or told.channel != NotificationChannel.EMAIL:
        return
    rows = Trial.objects.select_related("program", "account", "license__product", "license__account")
    trial = rows.get(evidence__notifications=told)
    message_queue(
        template="trial_evaluator",
        to=trial.email,
        context={**trial_context(trial, at=at), "outcome": _outcome(trial), "until": _until(trial)},
        # owed to whoever tried: it tells what becomes of their access
        stream=Stream.TRANSACTIONAL,
        dedupe_key=_key(told),
        account=trial.account,
        license=trial.license,
        actor=ACTOR,
        at=at,
    )


def evidence_deliveries_follow(*, at: datetime) -> int:
    """Bring notifications by mail to what the send log says of them; return how many changed."""
    still = (DeliveryState.QUEUED, DeliveryState.SENT)
    rows = EvaluatorNotification.objects.filter(
        channel=NotificationChannel.EMAIL, state__in=still, requested_at__gt=at - FOLLOWED
    )
    open_ones = {_key(row): row for row in rows}
    messages = Message.objects.filter(dedupe_key__in=list(open_ones)).values_list("dedupe_key", "state")
    changed = 0
    for key, state in messages:
        row = open_ones[key]
        if STATES[state] != row.state:
            notification_state_set(uid=str(row.uid), state=STATES[state], actor=ACTOR, at=at)
            changed += 1
    return changed


def _key(told: EvaluatorNotification) -> str:
    return f"evaluator:{told.uid}"


def _outcome(trial: Trial) -> str:
    expiry = EvidencePackage.objects.filter(trial=trial, stage=StageName.EXPIRY, latest=True).first()
    return str(expiry.values.get("outcome", "")) if expiry else ""


def _until(trial: Trial) -> str:
    """The day until which a grace really lets the license run; empty where the license was not renewed."""
    grace = GraceApproval.objects.filter(trial=trial).order_by("-id").first()
    ends = trial.license.expires_at
    if grace is None or (ends is not None and ends < grace.until):
        return ""
    return said(grace.until, clock=False)
