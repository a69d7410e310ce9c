"""Payments as reports, lists and figures read them. Whatever adds up is added up over the rows it is shown with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from accounts.models import Account
from billing.models import Fulfilment, Offer, Payment
from config.kit.api.principals import Principal
from config.kit.exporting import Cell, Column
from licenses.models import License

RELATED = ("offer", "offer__plan__product", "account", "checkout", "subscription", "merchant")


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over payments of one currency, minor units. `net_minor` is what is left after refunds."""

    currency: str
    count: int
    amount_minor: int
    tax_minor: int
    refunded_minor: int

    @property
    def net_minor(self) -> int:
        return self.amount_minor - self.refunded_minor


def payments() -> QuerySet[Payment]:
    """Every payment, the newest first, with what its row shows."""
    return Payment.objects.select_related(*RELATED).order_by("-paid_at", "-id")


def payments_for(principal: Principal) -> QuerySet[Payment]:
    """The payments that a caller may know of: its groups', or all."""
    rows = payments()
    return rows if principal.sees_every_group else rows.filter(account__slug__in=principal.groups)


def of_product(rows: QuerySet[Payment], name: str) -> QuerySet[Payment]:
    """Of what was sold: an offer by slug or lookup key, or every offer and bundle of a product by its key."""
    offers = Offer.objects.filter(
        Q(slug=name)
        | Q(lookup_key=name)
        | Q(plan__product__product_key=name)
        | Q(items__plan__product__product_key=name)
    )
    return rows.filter(offer__in=list(offers.values_list("pk", flat=True).distinct()))


def of_organization(rows: QuerySet[Payment], name: str) -> QuerySet[Payment]:
    """Of an account: by its slug or customer id, or by a part of its name."""
    accounts = Account.objects.filter(Q(slug=name) | Q(customer_id=name) | Q(name__icontains=name))
    return rows.filter(account__in=accounts.values("pk"))


def of_customer(rows: QuerySet[Payment], name: str) -> QuerySet[Payment]:
    """Of who paid: a part of the name that Stripe was given, or the whole address."""
    return rows.filter(Q(customer_name__icontains=name) | Q(customer_email__iexact=name))


def totals_of(rows: QuerySet[Payment]) -> list[Totals]:
    """One line a currency, of exactly these rows."""
    sums = rows.order_by().values("currency").annotate(
        count=Count("pk"),
        amount_minor=Coalesce(Sum("amount_minor"), 0),
        tax_minor=Coalesce(Sum("tax_minor"), 0),
        refunded_minor=Coalesce(Sum("refunded_minor"), 0),
    )  # fmt: skip
    names = [field.name for field in fields(Totals)]
    return [Totals(*row) for row in sums.order_by("currency").values_list(*names)]


def licenses_of(rows: Iterable[Payment]) -> dict[int, list[License]]:
    """Payment id → the licenses it brought or prolonged, in the order of the purchase. One query."""
    found: dict[int, list[License]] = {row.pk: [] for row in rows}
    deliveries = Fulfilment.objects.filter(payment__in=found).select_related("license")
    for delivery in deliveries.order_by("payment_id", "position"):
        found[delivery.payment_id].append(delivery.license)
    return found


def payments_of_license(license: License) -> QuerySet[Payment]:  # noqa: A002 - the word of the vocabulary
    """What was paid for a license, the newest first: purchase, renewals, maintenance, changes of tier."""
    mine = Q(fulfilments__license=license) | Q(subscription__license=license) | Q(checkout__license=license)
    ids = Payment.objects.filter(mine).values("pk")
    return payments().filter(pk__in=ids)


EXPORT: tuple[Column, ...] = (
    Column("payment", "uid", Cell.UID),
    Column("paid_at", "paid_at", Cell.INSTANT),
    Column("state", "state"),
    Column("purpose", "purpose"),
    Column("offer", "offer__slug"),
    Column("lookup_key", "offer__lookup_key", Cell.TEXT),
    Column("organization", "account__slug"),
    Column("organization_name", "account__name", Cell.TEXT),
    Column("customer_name", "customer_name", Cell.TEXT),
    Column("customer_email", "customer_email", Cell.TEXT),
    Column("currency", "currency"),
    Column("amount_minor", "amount_minor", Cell.NUMBER),
    Column("tax_minor", "tax_minor", Cell.NUMBER),
    Column("refunded_minor", "refunded_minor", Cell.NUMBER),
    Column("net_minor", F("amount_minor") - F("refunded_minor"), Cell.NUMBER),
    Column("period_start", "period_start", Cell.INSTANT),
    Column("period_end", "period_end", Cell.INSTANT),
    Column("reference", "reference"),
    Column("subscription", "subscription__stripe_id"),
    Column("invoice", "invoice_ref"),
    Column("payment_intent", "intent_ref"),
    Column("livemode", "livemode", Cell.FLAG),
    Column("counted", "counted", Cell.FLAG),
)
"""The columns of the report as a file (E30)."""


def export_rows(rows: QuerySet[Payment]) -> QuerySet[Payment, Any]:
    """The rows of a report as the file needs them: their order, and no instances."""
    return rows.select_related(None).order_by("-paid_at", "-id")
