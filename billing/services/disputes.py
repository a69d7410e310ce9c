"""Money that a buyer's bank wants back: suspended while it is open, restored when won, revoked when lost."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from django.db import transaction

from billing import gateway
from billing.domain.enums import GONE_BACK, PaymentState, Purpose
from billing.domain.parking import Reason
from billing.domain.payments import DisputeStanding, refunded_state, standing_of
from billing.gateway import DisputeFacts
from billing.models import MerchantProfile, Payment
from billing.parked import Early, Parked
from billing.services.recording import payment_event
from billing.services.refunds import ROUNDS, hold, payment_of_money
from billing.services.reversals import bought, payment_reverse
from history.domain.kinds import Kind
from licenses.domain.enums import LicenseStatus
from licenses.errors import LicenseRevoked, LicenseSuspended
from licenses.models import License
from licenses.services.lifecycle import license_reinstate, license_suspend
from licenses.services.signing import license_lock

SUSPENDED = "Disputed payment: "


def dispute_follow(*, merchant: MerchantProfile, dispute_id: str, actor: str, at: datetime) -> bool:
    """A dispute was opened, moved or closed. False when its money is none of ours.

    An inquiry does nothing. Guarded by the payment's revision, as `payment_sync`. Raises Parked when it is lost
    and what the payment gave cannot be taken back by itself.
    """
    facts = gateway.dispute_read(merchant, dispute_id)
    reference = facts.payment_intent or facts.charge
    payment = payment_of_money(merchant=merchant, reference=reference, actor=actor, at=at)
    if payment is None:
        return False
    known = Payment.objects.filter(pk=payment.pk)
    for _ in range(ROUNDS):
        revision = known.values_list("revision", flat=True).get()
        facts = gateway.dispute_read(merchant, dispute_id)
        with transaction.atomic():
            row = hold(known)
            if row.revision != revision:
                continue
            settled = _write(row, facts, actor, at)
        if not settled:
            raise Parked(Reason.CHANGED_SINCE, f"Payment {row.reference}.")
        return True
    raise Early("The payment is being written by others.")


def reason_of(dispute_id: str) -> str:
    """Why a license is suspended; by its beginning a won dispute knows the suspensions of disputes."""
    return f"{SUSPENDED}{dispute_id}"


def _write(row: Payment, facts: DisputeFacts, actor: str, at: datetime) -> bool:
    """False when a person must decide what becomes of what was paid for."""
    standing = standing_of(facts.status)
    if standing is DisputeStanding.NONE:
        return True
    mine = row.dispute_ref == facts.id
    before = (row.dispute_ref, row.state)
    row.state = _state(row, standing, mine=mine)
    if standing is not DisputeStanding.WON or not row.dispute_ref:
        row.dispute_ref = facts.id
    row.revision += 1
    row.save(update_fields=["dispute_ref", "revision", "state"])
    if before == (row.dispute_ref, row.state):
        return True
    kind = Kind.DISPUTE_OPENED if standing is DisputeStanding.OPEN else Kind.DISPUTE_CLOSED
    data = {
        "dispute": facts.id,
        "standing": str(standing),
        "reason": facts.reason[:60],
        "currency": facts.currency,
        "amount_minor": facts.amount_minor,
        "reference": row.reference,
    }
    payment_event(kind, row, data, actor=actor, at=at)
    if row.state in GONE_BACK:  # lost, or won after all of it was refunded
        why = "Lost" if row.state == PaymentState.CHARGED_BACK else "Refunded in full"
        return payment_reverse(payment=row, reason=f"{why}: {reason_of(facts.id)}", actor=actor, at=at)
    for license_ in bought(row):
        _apply(row, license_, standing, actor, at)
    return True


def _state(row: Payment, standing: DisputeStanding, *, mine: bool) -> PaymentState:
    match standing:
        case DisputeStanding.OPEN:
            return PaymentState.DISPUTED
        case DisputeStanding.LOST:
            return PaymentState.CHARGED_BACK
    if not mine and row.state in (PaymentState.DISPUTED, PaymentState.CHARGED_BACK):
        return PaymentState(row.state)  # another dispute of the same payment stands
    return refunded_state(amount_minor=row.amount_minor, refunded_minor=row.refunded_minor)


def _apply(payment: Payment, row: License, standing: DisputeStanding, actor: str, at: datetime) -> None:
    match standing:
        case DisputeStanding.OPEN:
            with suppress(LicenseSuspended, LicenseRevoked):
                license_suspend(license=row, reason=reason_of(payment.dispute_ref), actor=actor, at=at)
        case DisputeStanding.WON:
            held = license_lock(row)  # first: of two disputes that are won at once, the second sees the first
            ours = held.status == LicenseStatus.SUSPENDED and held.status_reason.startswith(SUSPENDED)
            if ours and not _disputed_elsewhere(payment, held):
                license_reinstate(license=held, reason="The dispute was won.", actor=actor, at=at)


def _disputed_elsewhere(payment: Payment, row: License) -> bool:
    """Whether other money that this license stands and falls with is disputed still."""
    others = Payment.objects.filter(fulfilments__license=row, purpose=Purpose.PURCHASE).exclude(pk=payment.pk)
    return others.filter(state=PaymentState.DISPUTED).exists()
