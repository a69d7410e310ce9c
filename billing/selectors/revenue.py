"""Figures of revenue (D4). Each is a count or a sum over rows that a list shows under the same filters.

Test mode, test keys and internal licenses stay out: `Payment.counted` for money that came, and `running` for
cycles. Amounts are minor units and never added across currencies.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction

from django.db.models import Case, Count, Exists, F, IntegerField, OuterRef, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Coalesce, TruncMonth

from billing.domain.enums import Interval, PaymentState, SubscriptionState
from billing.models import Payment, Subscription
from config.kit.filters import days
from licenses.domain.enums import Kind

DUE_WITHIN = (30, 60, 90)
MONTHS_A_YEAR = 12
RUNNING = (SubscriptionState.ACTIVE, SubscriptionState.PAST_DUE)
RISKS = ("past_due", "lapsed", "ending")


@dataclass(frozen=True, slots=True)
class Money:
    """What came in of one currency in a period. `charged_back_minor` is what banks took back and kept."""

    currency: str
    count: int
    collected_minor: int
    refunded_minor: int
    charged_back_minor: int

    @property
    def net_minor(self) -> int:
        return self.collected_minor - self.refunded_minor - self.charged_back_minor


@dataclass(frozen=True, slots=True)
class Recurring:
    """What the running cycles of a product bring, in one currency."""

    product: str
    product_key: str
    currency: str
    count: int
    mrr_minor: int
    arr_minor: int


@dataclass(frozen=True, slots=True)
class Cycles:
    """A number of cycles and what they are to bring, by currency."""

    count: int
    amounts: tuple[tuple[str, int], ...]


def payments_counted(first: date, last: date) -> QuerySet[Payment]:
    """Payments of these days (UTC) that stand in figures."""
    return Payment.objects.filter(counted=True, **days("paid_at", first, last))


def payments_disputed() -> QuerySet[Payment]:
    """Payments that stand in figures and whose money a bank asks back just now."""
    return Payment.objects.filter(counted=True, state=PaymentState.DISPUTED)


def payments_left_out(first: date, last: date) -> int:
    """How many payments of these days stand in no figure."""
    return Payment.objects.filter(counted=False, **days("paid_at", first, last)).count()


_KEPT_BY_BANKS = Case(
    When(state=PaymentState.CHARGED_BACK, then=F("amount_minor") - F("refunded_minor")),
    default=Value(0),
    output_field=IntegerField(),
)


def money_of(rows: QuerySet[Payment]) -> list[Money]:
    """One line a currency of payments."""
    sums = (
        rows.order_by()
        .values("currency")
        .annotate(
            count=Count("pk"),
            collected=Coalesce(Sum("amount_minor"), 0),
            refunded=Coalesce(Sum("refunded_minor"), 0),
            lost=Coalesce(Sum(_KEPT_BY_BANKS), 0),
        )
    )
    found = sums.order_by("currency").values_list("currency", "count", "collected", "refunded", "lost")
    return [Money(*line) for line in found]


def months_of(first: date, last: date) -> dict[date, list[Money]]:
    """First of a month → the money of its payments, for every month of the days, also those without any."""
    rows = payments_counted(first, last).annotate(month=TruncMonth("paid_at"))
    sums = (
        rows.order_by()
        .values("month", "currency")
        .annotate(
            count=Count("pk"),
            collected=Coalesce(Sum("amount_minor"), 0),
            refunded=Coalesce(Sum("refunded_minor"), 0),
            lost=Coalesce(Sum(_KEPT_BY_BANKS), 0),
        )
    )
    found: dict[date, list[Money]] = {month: [] for month in _months(first, last)}
    for line in sums.order_by("month", "currency"):
        money = Money(line["currency"], line["count"], line["collected"], line["refunded"], line["lost"])
        found[line["month"].date()].append(money)
    return found


def _months(first: date, last: date) -> Iterator[date]:
    month = first.replace(day=1)
    while month <= last:
        yield month
        month = (month + timedelta(days=32)).replace(day=1)


# --- cycles -------------------------------------------------------------------------------------------


def figured(rows: QuerySet[Subscription]) -> QuerySet[Subscription]:
    """Cycles that stand in figures: not of test mode, a test key or an internal license."""
    uncounted = Payment.objects.filter(subscription=OuterRef("pk"), counted=False)
    return rows.filter(
        Q(license=None) | (Q(license__internal=False) & ~Q(license__kind=Kind.TEST)), ~Exists(uncounted)
    )


def running(rows: QuerySet[Subscription]) -> QuerySet[Subscription]:
    """Cycles that are to be renewed: active or past due, and not cancelled."""
    return figured(rows).filter(state__in=RUNNING, cancel_at_period_end=False)


def renewing(rows: QuerySet[Subscription], within: int, *, at: datetime) -> QuerySet[Subscription]:
    """Running cycles whose period ends within so many days."""
    return running(rows).filter(period_end__gte=at, period_end__lt=at + timedelta(days=within))


def at_risk(rows: QuerySet[Subscription], risk: str) -> QuerySet[Subscription]:
    """Cycles that may not go on: past due, lapsed, or cancelled to the end of what is paid."""
    mine = figured(rows)
    if risk == "ending":
        return mine.filter(Q(cancel_at_period_end=True), ended_at=None).exclude(
            state=SubscriptionState.LAPSED
        )
    return mine.filter(state=risk)


def sum_of(rows: QuerySet[Subscription]) -> Cycles:
    """How many cycles, and what a period of them costs."""
    sums = rows.order_by().values("currency").annotate(n=Count("pk"), amount=Sum("amount_minor"))
    lines = list(sums.order_by("currency").values_list("currency", "n", "amount"))
    return Cycles(sum(line[1] for line in lines), tuple((line[0], line[2]) for line in lines))


def recurring() -> list[Recurring]:
    """Monthly and yearly recurring revenue by product. A bundle's cycles stand under the bundle's own name."""
    names = ("offer__plan__product__name", "offer__plan__product__product_key", "offer__name", "offer__slug")
    lines = (
        running(Subscription.objects.all())
        .order_by()
        .values_list(*names, "currency", "interval", "interval_count")
        .annotate(n=Count("pk"), amount=Sum("amount_minor"))
    )
    counts: dict[tuple[str, str, str], int] = {}
    yearly: dict[tuple[str, str, str], Fraction] = {}
    for product, product_key, offer, slug, currency, interval, every, n, amount in lines:
        key = (product or offer, product_key or slug, currency)
        counts[key] = counts.get(key, 0) + n
        yearly[key] = yearly.get(key, Fraction(0)) + a_year(amount, interval, every)
    return [
        Recurring(*key, counts[key], _rounded(yearly[key] / MONTHS_A_YEAR), _rounded(yearly[key]))
        for key in sorted(counts)
    ]


def a_year(amount_minor: int, interval: str, count: int) -> Fraction:
    """What a cycle brings in a year, exactly."""
    periods = MONTHS_A_YEAR if interval == Interval.MONTH else 1
    return Fraction(amount_minor * periods, count)


def _rounded(amount: Fraction) -> int:
    return int(amount + Fraction(1, 2))
