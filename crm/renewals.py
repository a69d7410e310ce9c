"""What is to be renewed soon: what it is worth, and how likely the customer goes on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Count, Max, QuerySet

from billing.domain.enums import SubscriptionState
from billing.models import Fulfilment, Payment, Subscription
from config.kit.admin import COUNT_LIMIT
from crm.domain.facts import CAP_STATES
from crm.domain.health import Health, Signs, health_of
from licenses.domain.enums import LicenseStatus
from licenses.figures import sold
from licenses.models import Installation, License, NodeCapEpisode
from trials.models import Trial

WITHIN = (30, 60, 90)
RUNNING = (SubscriptionState.ACTIVE, SubscriptionState.PAST_DUE)


@dataclass(frozen=True, slots=True)
class Money:
    """Minor units of one currency."""

    currency: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Renewal:
    """One license that ends soon. `by_itself`: Stripe renews it unless its payment fails."""

    license: License
    money: Money | None
    by_itself: bool
    last_seen_at: datetime | None
    engagement: str
    health: Health
    why: str


@dataclass(frozen=True, slots=True)
class Bucket:
    """How much is due within so many days. Values are known for `valued` of the licenses."""

    within: int
    count: int
    sums: tuple[Money, ...]
    valued: int


def due(within: int, at: datetime) -> QuerySet[License]:
    """What is sold and ends within so many days: neither trials, tests, internal nor ended licenses."""
    rows = License.objects.filter(
        sold(), status=LicenseStatus.ACTIVE, expires_at__gte=at, expires_at__lt=_until(within, at)
    )
    return rows.order_by("expires_at", "pk")


def _until(within: int, at: datetime) -> datetime:
    """The end of the last day, as the list of licenses counts days."""
    return datetime(at.year, at.month, at.day, tzinfo=UTC) + timedelta(days=within + 1)


def buckets(at: datetime) -> list[Bucket]:
    """Each bucket holds the ones before it. Values are summed up to a bound of licenses."""
    ends = list(due(WITHIN[-1], at).values_list("pk", "expires_at")[: COUNT_LIMIT + 1])
    worth = values_of([pk for pk, _ in ends])
    found = []
    for within in WITHIN:
        keys = [pk for pk, end in ends if end is not None and end < _until(within, at)]
        sums: dict[str, int] = defaultdict(int)
        valued = [worth[pk] for pk in keys if pk in worth]
        for money in valued:
            sums[money.currency] += money.amount_minor
        found.append(
            Bucket(within, len(keys), tuple(Money(*pair) for pair in sorted(sums.items())), len(valued))
        )
    return found


def renewals(within: int, at: datetime, most: int) -> list[Renewal]:
    """The first of what is due, with what is known of each: eight queries, however many there are."""
    rows = list(due(within, at).select_related("account__owner", "product", "plan")[:most])
    keys = [row.pk for row in rows]
    worth, cycles, seen = values_of(keys), _cycles(keys), _seen(keys)
    caps, engaged = _caps(keys), _engagements(keys)
    found = []
    for row in rows:
        failing = cycles.get(row.pk) == SubscriptionState.PAST_DUE
        health, why = health_of(Signs(seen.get(row.pk), caps.get(row.pk, ""), failing), at)
        found.append(
            Renewal(
                row,
                worth.get(row.pk),
                row.pk in cycles,
                seen.get(row.pk),
                engaged.get(row.pk, ""),
                health,
                why,
            )
        )
    return found


def values_of(licenses: Sequence[int]) -> dict[int, Money]:
    """What a renewal of each brings: its running subscription's price, else its share of what was paid last."""
    found: dict[int, Money] = {}
    for keys in _chunks(licenses):
        found |= _paid(keys)
        cycles = Subscription.objects.filter(license__in=keys, state__in=RUNNING).order_by("pk")
        for license_id, currency, amount in cycles.values_list("license", "currency", "amount_minor"):
            if license_id is not None:
                found[license_id] = Money(currency, amount)
    return found


def _paid(licenses: Sequence[int]) -> dict[int, Money]:
    """By the newest payment that delivered something for a license; one payment may have delivered several."""
    rows = Fulfilment.objects.filter(license__in=licenses).order_by("payment__paid_at", "pk")
    newest = dict(rows.values_list("license", "payment"))
    shared = dict(
        Fulfilment.objects.filter(payment__in=set(newest.values()))
        .order_by()
        .values_list("payment")
        .annotate(Count("license", distinct=True))
    )
    paid = {
        pk: Money(currency, amount - refunded)
        for pk, currency, amount, refunded in Payment.objects.filter(pk__in=shared).values_list(
            "pk", "currency", "amount_minor", "refunded_minor"
        )
    }
    return {
        license_id: Money(paid[payment].currency, paid[payment].amount_minor // shared[payment])
        for license_id, payment in newest.items()
    }


def _cycles(licenses: Sequence[int]) -> dict[int, str]:
    rows = Subscription.objects.filter(license__in=licenses, state__in=RUNNING, cancel_at_period_end=False)
    return {key: state for key, state in rows.values_list("license", "state") if key is not None}


def _seen(licenses: Sequence[int]) -> dict[int, datetime]:
    rows = Installation.objects.filter(license__in=licenses, set_aside_at=None).order_by()
    return dict(rows.values_list("license").annotate(Max("last_seen_at")))


def _caps(licenses: Sequence[int]) -> dict[int, str]:
    rows = NodeCapEpisode.objects.filter(installation__license__in=licenses, ended_at=None)
    found: dict[int, str] = {}
    for license_id, state in rows.values_list("installation__license", "state"):
        found[license_id] = max(found.get(license_id, "within"), state, key=CAP_STATES.index)
    return found


def _engagements(licenses: Sequence[int]) -> dict[int, str]:
    """Of the trial that led to it, where there was one: silent customers are marked there (A19)."""
    rows = Trial.objects.filter(converted_by__in=licenses).order_by("pk")
    return {
        key: attention or engagement
        for key, engagement, attention in rows.values_list("converted_by", "engagement", "attention")
        if key is not None
    }


def _chunks(keys: Sequence[int], size: int = 900) -> Iterable[Sequence[int]]:
    """SQLite takes a bounded number of values in one statement."""
    for start in range(0, len(keys), size):
        yield keys[start : start + size]
