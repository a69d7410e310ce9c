"""What a plan may say (C19, C20): every bad combination, all at once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from licenses.domain.claims import MAX_LIMIT
from licenses.domain.entitlements import SLUG
from licenses.domain.enums import Edition, Kind
from licenses.domain.instants import MAX_DAYS
from licenses.domain.periods import MAX_TERM_DAYS
from licenses.domain.problems import Problem, entitlement_problem, range_problem

MAX_TIER_RANK: Final = 1000
MAX_PERIOD_DAYS: Final = 1830
MAX_BILLING_GRACE_DAYS: Final = 90
MAX_PRICE: Final = 99_999_999_999


@dataclass(frozen=True, slots=True)
class PlanTerms:
    """A plan as it is asked for. Periods in days, money in minor units, limits 0 for unlimited.

    ``duration_days`` 0 is perpetual. ``period_days`` belongs to recurring plans and to no other.
    """

    slug: str
    duration_days: int
    grace_days: int = 14
    warn_days: int = 30
    machines: int = 1
    trial: bool = False
    price_override: int | None = None
    entitlements: Mapping[str, Any] | list[str] = field(default_factory=dict)
    public: bool = False
    active: bool = True
    archived: bool = False
    tier_rank: int | None = None
    recurring: bool = False
    period_days: int | None = None
    billing_grace_days: int = 7
    trial_days: int = 0
    seats: int = 0
    nodes: int = 0
    collectors: int = 0
    edition: str = Edition.ENTERPRISE
    kind: str = Kind.COMMERCIAL


_RANGES: Final = (
    ("duration_days", 0, MAX_TERM_DAYS),
    ("grace_days", 0, MAX_DAYS),
    ("warn_days", 0, MAX_DAYS),
    ("machines", 0, MAX_LIMIT),
    ("billing_grace_days", 0, MAX_BILLING_GRACE_DAYS),
    ("trial_days", 0, MAX_PERIOD_DAYS),
    ("seats", 0, MAX_LIMIT),
    ("nodes", 0, MAX_LIMIT),
    ("collectors", 0, MAX_LIMIT),
)
_OPTIONAL_RANGES: Final = (
    ("price_override", 0, MAX_PRICE),
    ("tier_rank", 0, MAX_TIER_RANK),
    ("period_days", 1, MAX_PERIOD_DAYS),
)


def plan_problems(terms: PlanTerms, catalogue: Collection[str] = ()) -> list[Problem]:
    """Everything that is wrong with a plan, in the order of its fields; an empty list means it may be saved.

    ``catalogue`` holds the slugs of the product; empty means free text (C20). That a slug is unique in
    its product is the database's to say.
    """
    return [
        *_shape_problems(terms),
        *_range_problems(terms),
        *_entitlement_problems(terms, catalogue),
        *_recurring_problems(terms),
        *_trial_problems(terms),
        *_state_problems(terms),
    ]


def _shape_problems(terms: PlanTerms) -> Iterator[Problem]:
    if not isinstance(terms.slug, str) or SLUG.fullmatch(terms.slug) is None:
        yield Problem("slug", "bad_slug", "A slug is a-z, 0-9, and _ . - after the first character.")
    if terms.edition not in tuple(Edition):
        yield Problem("edition", "unknown_edition", "The edition is community or enterprise.")
    if terms.kind not in tuple(Kind):
        yield Problem("kind", "unknown_kind", "The kind is commercial, trial or test.")


def _range_problems(terms: PlanTerms) -> Iterator[Problem]:
    for name, lowest, highest in _RANGES:
        problem = range_problem(name, getattr(terms, name), lowest, highest)
        if problem is not None:
            yield problem
    for name, lowest, highest in _OPTIONAL_RANGES:
        value = getattr(terms, name)
        problem = None if value is None else range_problem(name, value, lowest, highest)
        if problem is not None:
            yield problem


def _entitlement_problems(terms: PlanTerms, catalogue: Collection[str]) -> Iterator[Problem]:
    problem = entitlement_problem(terms.entitlements, catalogue)
    if problem is not None:
        yield problem


def _recurring_problems(terms: PlanTerms) -> Iterator[Problem]:
    if terms.recurring:
        if terms.period_days is None:
            yield Problem("period_days", "required", "A recurring plan has a period of 1 to 1830 days.")
        elif _exceeds(terms.trial_days, terms.period_days):
            yield Problem("trial_days", "longer_than_period", "Trial days fit into one period.")
        if terms.duration_days == 0:
            yield Problem("duration_days", "perpetual_recurring", "A recurring plan is not perpetual.")
        return
    if terms.period_days is not None:
        yield Problem("period_days", "not_recurring", "Only a recurring plan has a period.")
    if terms.trial_days:
        yield Problem("trial_days", "not_recurring", "Only a recurring plan starts with trial days.")


def _exceeds(trial_days: object, period_days: object) -> bool:
    """Compared only when both are whole numbers; what they are else is reported apart."""
    return type(trial_days) is int and type(period_days) is int and trial_days > period_days


def _trial_problems(terms: PlanTerms) -> Iterator[Problem]:
    if terms.trial != (terms.kind == Kind.TRIAL):
        yield Problem("trial", "kind_mismatch", "The trial flag and the kind 'trial' go together.")
    if not terms.trial:
        return
    if terms.duration_days == 0:
        yield Problem("duration_days", "perpetual_trial", "A trial ends.")
    if terms.recurring:
        yield Problem("recurring", "recurring_trial", "A trial does not recur.")
    if terms.price_override:
        yield Problem("price_override", "priced_trial", "A trial costs nothing.")


def _state_problems(terms: PlanTerms) -> Iterator[Problem]:
    if terms.archived and terms.active:
        yield Problem("active", "archived", "An archived plan is not active.")
    if terms.archived and terms.public:
        yield Problem("public", "archived", "An archived plan is not public.")
