"""What a license may say (A1, D2, D7): every problem at once, before anything is written."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from licenses.domain.claims import MAX_LIMIT
from licenses.domain.enums import Edition, Kind
from licenses.domain.instants import MAX_DAYS
from licenses.domain.problems import Problem, entitlement_problem, range_problem

MAX_PLAN: Final = 64
_FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class LicenseTerms:
    """A license as it is asked for; 0 is unlimited, ``expires_at`` None with ``perpetual`` has no end.

    ``plan_kind`` is that of the plan that the license is cut from, None without one.
    """

    customer_id: str
    edition: str
    kind: str
    starts_at: datetime
    expires_at: datetime | None = None
    perpetual: bool = False
    seats: int = 0
    nodes: int = 0
    machines: int = 0
    collectors: int = 0
    quantity: int = 1
    warn_days: int = 30
    grace_days: int = 14
    entitlements: Mapping[str, Any] | list[str] = field(default_factory=dict)
    fingerprint_sha256: str | None = None
    plan: str = ""
    plan_kind: str | None = None


_RANGES: Final = (
    ("seats", 0, MAX_LIMIT),
    ("nodes", 0, MAX_LIMIT),
    ("machines", 0, MAX_LIMIT),
    ("collectors", 0, MAX_LIMIT),
    ("quantity", 1, MAX_LIMIT),
    ("warn_days", 0, MAX_DAYS),
    ("grace_days", 0, MAX_DAYS),
)


def license_problems(terms: LicenseTerms, catalogue: Collection[str] = ()) -> list[Problem]:
    """Everything that is wrong with a license (A1); an empty list means that it may be written."""
    return [
        *_identity_problems(terms),
        *_term_problems(terms),
        *_limit_problems(terms),
        *_plan_problems(terms),
        *_content_problems(terms, catalogue),
    ]


def _identity_problems(terms: LicenseTerms) -> Iterator[Problem]:
    if not terms.customer_id:
        yield Problem("customer_id", "required", "A license belongs to a customer.")
    if not terms.edition:
        yield Problem("edition", "required", "A license has an edition.")
    elif terms.edition not in tuple(Edition):
        yield Problem("edition", "unknown_edition", "The edition is community or enterprise.")
    if terms.kind not in tuple(Kind):
        yield Problem("kind", "unknown_kind", "The kind is commercial, trial or test.")


def _term_problems(terms: LicenseTerms) -> Iterator[Problem]:
    for name, at in (("starts_at", terms.starts_at), ("expires_at", terms.expires_at)):
        if at is not None and at.tzinfo is None:
            yield Problem(name, "naive", "An instant needs a time zone.")
            return
    if terms.perpetual and terms.expires_at is not None:
        yield Problem("expires_at", "perpetual", "A perpetual license has no end.")
    elif not terms.perpetual and terms.expires_at is None:
        yield Problem("expires_at", "required", "A license ends, unless it is perpetual.")
    elif terms.expires_at is not None and terms.expires_at <= terms.starts_at:
        yield Problem("expires_at", "not_after_start", "A license ends after it starts.")
    if terms.perpetual and terms.kind == Kind.TRIAL:
        yield Problem("perpetual", "perpetual_trial", "A trial ends.")


def _limit_problems(terms: LicenseTerms) -> Iterator[Problem]:
    for name, lowest, highest in _RANGES:
        problem = range_problem(name, getattr(terms, name), lowest, highest)
        if problem is not None:
            yield problem


def _plan_problems(terms: LicenseTerms) -> Iterator[Problem]:
    if len(terms.plan) > MAX_PLAN or not terms.plan.isprintable():
        yield Problem("plan", "bad_plan", "A plan is named by its code.")
    # A test key may be cut from any plan; what is sold is never a trial, and a trial is never sold.
    if terms.plan_kind is not None and terms.kind not in (Kind.TEST, terms.plan_kind):
        yield Problem("kind", "kind_of_plan", f"The plan is for {terms.plan_kind} licenses.")


def _content_problems(terms: LicenseTerms, catalogue: Collection[str]) -> Iterator[Problem]:
    problem = entitlement_problem(terms.entitlements, catalogue)
    if problem is not None:
        yield problem
    fingerprint = terms.fingerprint_sha256
    if fingerprint is not None and _FINGERPRINT.fullmatch(fingerprint) is None:
        yield Problem("fingerprint_sha256", "not_sha256", "A machine is bound by SHA-256 in lower-case hex.")
