"""What an offer may say (E9-E11): every bad combination, all at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from billing.domain.enums import MaintenanceMode, OfferType, Pricing
from billing.domain.prices import MAX_AMOUNT, TierTerms
from billing.domain.terms import TermFacts
from licenses.domain.periods import MAX_TERM_DAYS
from licenses.domain.problems import Problem, range_problem

MOST_TIERS: Final = 50
MOST_ITEMS: Final = 20
MOST_LICENSES: Final = 100
MOST_FEATURES: Final = 50
LONGEST_FEATURE: Final = 200
MAX_FACTOR: Final = Decimal(1000)
# Stripe's own bounds: it keeps our metadata
MOST_METADATA: Final = 40
LONGEST_METADATA_KEY: Final = 40
LONGEST_METADATA_VALUE: Final = 500
# Stripe takes no period of more than three years
MAX_INTERVAL_MONTHS: Final = 36
MAX_MAINTENANCE_DAYS: Final = 3660


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """One component of a bundle: of which plan (any value that tells plans apart), and how many licenses."""

    plan: object
    quantity: int = 1


@dataclass(frozen=True, slots=True)
class OfferFacts:
    """An offer as it is asked for. Money in minor units."""

    term: TermFacts
    pricing: str
    amount_minor: int = 0
    tiers: Sequence[TierTerms] = ()
    items: Sequence[ItemFacts] = ()
    has_plan: bool = True
    maintenance_amount_minor: int = 0
    default_for: str = ""
    features: Any = ()
    metadata: Any = None


def offer_problems(facts: OfferFacts) -> list[Problem]:
    """Everything that is wrong with an offer; an empty list means that it may be saved."""
    return [
        *_term_problems(facts),
        *_maintenance_problems(facts),
        *_price_problems(facts),
        *_seat_problems(facts.term),
        *_bundle_problems(facts),
        *text_list_problems(facts.features),
        *metadata_problems(facts.metadata),
    ]


def _term_problems(facts: OfferFacts) -> Iterator[Problem]:
    term = facts.term
    if term.type == OfferType.SUBSCRIPTION:
        if not term.interval:
            yield Problem("interval", "required", "A subscription says month or year.")
        months = term.interval_count * (12 if term.interval == "year" else 1)
        if term.interval_count < 1 or months > MAX_INTERVAL_MONTHS:
            yield Problem("interval_count", "out_of_range", "A period has 1 to 36 months.")
        if term.term_days is not None:
            yield Problem("term_days", "one_off_only", "A subscription runs by its period, not by days.")
    else:
        if term.interval:
            yield Problem("interval", "subscription_only", "A one-off offer has no period.")
        problem = None
        if term.term_days is not None:
            problem = range_problem("term_days", term.term_days, 0, MAX_TERM_DAYS)
        if problem is not None:
            yield problem
    if facts.default_for and facts.default_for != term.type:
        yield Problem("default_for", "other_type", "It can be the default of its own type only.")


def _maintenance_problems(facts: OfferFacts) -> Iterator[Problem]:
    term = facts.term
    if term.maintenance and not (term.type == OfferType.ONE_OFF and (term.perpetual or not facts.has_plan)):
        yield Problem("maintenance", "perpetual_only", "Only a perpetual license has maintenance of its own.")
    if not 1 <= term.maintenance_days <= MAX_MAINTENANCE_DAYS:
        yield Problem("maintenance_days", "out_of_range", f"From 1 to {MAX_MAINTENANCE_DAYS}.")
    if term.maintenance == MaintenanceMode.MANUAL and facts.maintenance_amount_minor < 1:
        yield Problem("maintenance_amount_minor", "required", "What does one more year cost?")


def _price_problems(facts: OfferFacts) -> Iterator[Problem]:
    for name in ("amount_minor", "maintenance_amount_minor"):
        problem = range_problem(name, getattr(facts, name), 0, MAX_AMOUNT)
        if problem is not None:
            yield problem
    if facts.pricing != Pricing.TIERED:
        if facts.tiers:
            yield Problem("tiers", "tiered_only", "Only a tiered offer has steps.")
        return
    if not facts.tiers:
        yield Problem("tiers", "required", "A tiered offer has at least one step.")
    if len(facts.tiers) > MOST_TIERS:
        yield Problem("tiers", "too_many", f"At most {MOST_TIERS} steps.")
    bounds = [tier.up_to for tier in facts.tiers]
    if len(set(bounds)) != len(bounds):
        yield Problem("tiers", "duplicate", "Two steps end at the same number.")
    for place, tier in enumerate(facts.tiers):
        yield from _tier_problems(place, tier)


def _tier_problems(place: int, tier: TierTerms) -> Iterator[Problem]:
    if tier.up_to is not None and tier.up_to < 1:
        yield Problem(f"tiers.{place}.up_to", "out_of_range", "A step ends at 1 or above.")
    if not 0 <= tier.amount_minor <= MAX_AMOUNT:
        yield Problem(f"tiers.{place}.amount_minor", "out_of_range", f"From 0 to {MAX_AMOUNT}.")
    if not 0 <= tier.factor <= MAX_FACTOR:
        yield Problem(f"tiers.{place}.factor", "out_of_range", f"From 0 to {MAX_FACTOR}.")


def _seat_problems(term: TermFacts) -> Iterator[Problem]:
    most = term.max_managed_products
    if most is not None and most < term.min_managed_products:
        yield Problem("max_managed_products", "below_minimum", "Not below the lowest number of seats.")
        return
    inside = term.min_managed_products <= term.default_seats and (most is None or term.default_seats <= most)
    if term.default_seats and not inside:
        yield Problem("default_seats", "out_of_range", "Within the bounds of one purchase.")


def _bundle_problems(facts: OfferFacts) -> Iterator[Problem]:
    if facts.has_plan:
        if facts.items:
            yield Problem("components", "bundle_only", "An offer of a plan has no components.")
        return
    if not facts.items:
        yield Problem("plan", "required", "Name a plan, or the components of a bundle.")
    if len(facts.items) > MOST_ITEMS:
        yield Problem("components", "too_many", f"At most {MOST_ITEMS} components.")
    seen: set[object] = set()
    for place, item in enumerate(facts.items):
        if item.plan in seen:
            yield Problem(f"components.{place}", "duplicate", "This component is named twice.")
        seen.add(item.plan)
        if not 1 <= item.quantity <= MOST_LICENSES:
            yield Problem(f"components.{place}.quantity", "out_of_range", f"From 1 to {MOST_LICENSES}.")


def text_list_problems(features: Any, field: str = "features") -> Iterator[Problem]:
    """The problem of something that is not a short list of short texts."""
    fits = (
        isinstance(features, Sequence)
        and not isinstance(features, str)
        and len(features) <= MOST_FEATURES
        and all(isinstance(text, str) and 0 < len(text) <= LONGEST_FEATURE for text in features)
    )
    if not fits:
        yield Problem(field, "malformed", f"At most {MOST_FEATURES} texts of {LONGEST_FEATURE} characters.")


def metadata_problems(metadata: Any) -> Iterator[Problem]:
    """The problem of something that Stripe would not keep as metadata."""
    if metadata is None:
        return
    if not isinstance(metadata, Mapping) or len(metadata) > MOST_METADATA:
        yield Problem("metadata", "malformed", f"At most {MOST_METADATA} names with a text each.")
        return
    for name, value in metadata.items():
        good_name = isinstance(name, str) and 0 < len(name) <= LONGEST_METADATA_KEY
        if not good_name or not isinstance(value, str) or len(value) > LONGEST_METADATA_VALUE:
            detail = (
                f"Names of {LONGEST_METADATA_KEY} and texts of {LONGEST_METADATA_VALUE} characters at most."
            )
            yield Problem("metadata", "malformed", detail)
            return
