"""The gates of our own license: what it grants, how many of each may be made, whether the catalogue is guarded.

Each reads the one row of `SelfLicense`, so a change of any process counts at the next question. Rules are in
`licenses.domain.own_license` and `licenses.domain.tier_caps`; no tier is asked for anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, QuerySet

from config.kit import clock
from config.kit.errors import Forbidden, Refusal
from config.kit.locks import locked
from licenses.domain.own_license import SAYS, GuardState, Standing, standing
from licenses.domain.tier_caps import CAPS, Cap, CapUse, cap_of, stands
from licenses.models import Plan, Product, SelfLicense
from licenses.models.own import ONLY

Source = Callable[[datetime], Standing]
Counter = Callable[[], int]


class TierCap(Refusal):
    """C16: our own license does not cover one more. `cap` and `used` say where it stands."""

    code = "tier_cap"
    status = 402
    title = "The license of this installation does not cover that."


class CatalogueGuarded(Forbidden):
    """E27: our own license is not valid; `reason` says why."""

    code = "catalogue_guarded"
    title = "The license of this installation is not valid: the catalogue cannot be changed."


# --- what is granted ----------------------------------------------------------------------------------


def _stored(at: datetime) -> Standing:
    row = SelfLicense.objects.defer("key_sealed").filter(pk=ONLY).first()
    return Standing() if row is None else standing_of(row, at)


_sources: list[Source] = [_stored]


def standing_register(source: Source) -> Callable[[], None]:
    """Say who knows what our own license grants, in the place of its row; return what undoes it."""
    _sources.append(source)
    return lambda: _sources.remove(source)


def standing_now(at: datetime | None = None) -> Standing:
    """What our own license comes to at this instant: one small read."""
    return _sources[-1](at or clock.now())


def standing_of(row: SelfLicense, at: datetime) -> Standing:
    """The same of a row that is at hand."""
    return standing(row.facts, at=at, guard_grace=timedelta(days=settings.GUARD_GRACE_DAYS))


def entitlement_held(slug: str, at: datetime | None = None) -> bool:
    """Whether our own license grants exactly this: live row ∩ signed set (C4, C6, C7)."""
    return standing_now(at).holds(slug)


def entitlement_require(slug: str, *, at: datetime | None = None) -> None:
    """Raises TierCap (402) unless our own license grants exactly this."""
    now = standing_now(at)
    if not now.holds(slug):
        raise TierCap(
            f"The tier {now.tier.capitalize()} does not include {slug}.",
            tier=str(now.tier), entitlement=slug, cap=0, used=0, upgrade_url=settings.SELF_LICENSE_UPGRADE_URL,
        )  # fmt: skip


# --- the guard ----------------------------------------------------------------------------------------


def catalogue_guard(at: datetime | None = None) -> None:
    """Stand before every change of the catalogue. Raises CatalogueGuarded (403) while the guard is invalid (E27)."""
    now = standing_now(at)
    if now.guard is GuardState.INVALID:
        why = SAYS.get(now.reason, now.reason)
        raise CatalogueGuarded(f"{CatalogueGuarded.title} {why} Activate a license first.", reason=now.reason)


# --- caps ---------------------------------------------------------------------------------------------


def _most_plans() -> int:
    """Plans of the product that has most of them."""
    counts = Plan.objects.order_by().values("product").annotate(number=Count("pk")).order_by("-number")
    return next(iter(counts.values_list("number", flat=True)[:1]), 0)


def own_products() -> QuerySet[Product]:
    """Products of the audience of Signet's own licenses."""
    return Product.objects.filter(audience=settings.SELF_LICENSE_PRODUCT)


def _products() -> int:
    """All but the one by which a master licenses Signet itself: it is needed to lift the cap."""
    return Product.objects.count() - int(own_products().exists())


_counters: dict[Cap, Counter] = {
    Cap.PRODUCTS: _products,
    Cap.PLANS: _most_plans,
    Cap.RECURRING: lambda: Plan.objects.filter(recurring=True).count(),
}


def counter_register(cap: Cap, counter: Counter) -> None:
    """Say how many of something there are, from a room above."""
    _counters[cap] = counter


def cap_uses(at: datetime | None = None) -> list[CapUse]:
    """Each cap with its use, in the order of the table (C18)."""
    now = standing_now(at)
    return [
        CapUse(cap, counter(), cap_of(cap, lifted=now.holds(CAPS[cap].entitlement)))
        for cap, counter in sorted(_counters.items(), key=lambda pair: list(Cap).index(pair[0]))
    ]


def cap_use(cap: Cap, *, used: Counter | None = None, at: datetime | None = None) -> CapUse | None:
    """One cap with its use, for who is about to make one; None where nothing limits it, and nothing is counted."""
    if standing_now(at).holds(CAPS[cap].entitlement):
        return None
    return CapUse(cap, (used or _counters[cap])(), CAPS[cap].most)


def cap_require(cap: Cap, *, used: Counter | None = None, at: datetime) -> None:
    """Room for one more (C10 to C14), decided under a lock; call it in the transaction that makes it.

    `used` counts in the place of what is registered for the cap. Raises TierCap (402).
    """
    rule = CAPS[cap]
    if standing_now(at).holds(rule.entitlement):
        return
    own_license_lock()
    now, use = standing_now(at), cap_use(cap, used=used, at=at)
    if use is not None and use.full:
        raise TierCap(
            stands(use, now.tier.capitalize()),
            tier=str(now.tier), cap=use.most, used=use.used, resource=str(cap), entitlement=rule.entitlement,
            upgrade_url=settings.SELF_LICENSE_UPGRADE_URL,
        )  # fmt: skip


def own_license_lock() -> SelfLicense:
    """The one row, locked until the transaction ends; made where there is none yet."""
    row = locked(SelfLicense.objects.filter(pk=ONLY)).first()
    if row is None:
        SelfLicense.objects.bulk_create([SelfLicense(pk=ONLY)], ignore_conflicts=True)
        row = locked(SelfLicense.objects.filter(pk=ONLY)).get()
    return row
