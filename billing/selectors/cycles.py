"""What renews itself: licenses of cycles that go on being paid."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet

from billing.domain.enums import PaymentSource, SubscriptionState
from billing.models import Fulfilment, Subscription
from licenses.models import License

RENEWS = {"state": SubscriptionState.ACTIVE, "cancel_at_period_end": False}
"""A cycle that renews its licenses at the end of the paid period, unless a payment fails."""


def renews_itself() -> Q:
    """For a filter of licenses: those that a cycle renews. Of a bundle it is every license of the order."""
    bought = {f"payment__subscription__{name}": value for name, value in RENEWS.items()}
    return Q(Exists(Subscription.objects.filter(license=OuterRef("pk"), **RENEWS))) | Q(
        Exists(
            Fulfilment.objects.filter(
                license=OuterRef("pk"), payment__source=PaymentSource.CHECKOUT, **bought
            )
        )
    )


def cycles_renewing(row: License) -> QuerySet[Subscription]:
    """The cycles that renew a license."""
    delivered = Fulfilment.objects.filter(license=row, payment__source=PaymentSource.CHECKOUT)
    return Subscription.objects.filter(
        Q(license=row) | Q(pk__in=delivered.values("payment__subscription")), **RENEWS
    )
