"""What a payment gave is taken back when all of its money went back (C29, E32, invariant 5)."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from billing.domain.enums import Purpose
from billing.models import Payment, TierChange
from billing.services.maintenance import maintenance_withdraw
from billing.services.tier_changes import tier_change_revert
from licenses.errors import AlreadyRevoked
from licenses.models import License
from licenses.services.lifecycle import license_revoke

LONGEST_REASON = 500


def payment_reverse(*, payment: Payment, reason: str, actor: str, at: datetime) -> bool:
    """Take back what a payment gave; False when a person must decide. In the transaction that writes its state.

    What was bought or renewed is revoked. A renewal of maintenance leaves what other orders give. A change of
    plan is undone when nothing came after it. Done twice it changes nothing.
    """
    match payment.purpose:
        case Purpose.PURCHASE:
            for license_ in bought(payment):
                with suppress(AlreadyRevoked):
                    license_revoke(license=license_, reason=reason[:LONGEST_REASON], actor=actor, at=at)
        case Purpose.MAINTENANCE:
            for license_ in licenses_of(payment):
                maintenance_withdraw(license=license_, actor=actor, at=at)
        case Purpose.TIER_CHANGE:
            change = TierChange.objects.select_related("license").filter(checkout=payment.checkout_id).first()
            return change is None or tier_change_revert(change=change, actor=actor, at=at)
    return True


def bought(payment: Payment) -> list[License]:
    """The licenses that stand and fall with a payment: those that it bought or renewed."""
    return licenses_of(payment) if payment.purpose == Purpose.PURCHASE else []


def licenses_of(payment: Payment) -> list[License]:
    """What a payment delivered to, in the order of its places."""
    return [row.license for row in payment.fulfilments.select_related("license").order_by("position")]
