"""What a payment brings: licenses, made and signed once for each place in the order."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from accounts.models import Account
from billing.models import Checkout, Fulfilment, Payment
from billing.terms import deliveries_of
from licenses.models import Channel, License
from licenses.services.issuing import license_create, license_issue


def purchase_deliver(
    *,
    payment: Payment,
    checkout: Checkout,
    account: Account,
    period_end: datetime | None,
    actor: str,
    at: datetime,
) -> list[License]:
    """Make and sign every license of an order, in the transaction that settles it.

    `period_end` is the end of a subscription's first period; None leaves the offer's term. Channel webhook:
    only such issuances reach the bus (E20). Raises what `license_create` and `license_issue` raise.
    """
    made: list[License] = []
    for delivery in deliveries_of(checkout.offer, checkout.managed_products, at):
        row = license_create(
            account=account,
            plan=delivery.plan,
            terms=_until(delivery.terms, period_end),
            internal=account.kind == Account.Kind.INTERNAL,
            origin=License.Origin.STRIPE,
            actor=actor,
            at=at,
        )
        if delivery.maintenance_expires_at is not None:
            row.maintenance_expires_at = delivery.maintenance_expires_at
            row.save(update_fields=["maintenance_expires_at"])
        issued = license_issue(license=row, channel=Channel.WEBHOOK, actor=actor, at=at)
        Fulfilment.objects.create(
            payment=payment, position=delivery.position, license=row, issuance=issued.issuance, created_at=at
        )
        made.append(row)
    return made


def _until(terms: dict[str, Any], end: datetime | None) -> dict[str, Any]:
    """The offer's terms with another end."""
    if end is None:
        return terms
    others = {name: value for name, value in terms.items() if name not in {"days", "perpetual"}}
    return {**others, "expires_at": end}
