"""What may be made without an entitlement of our own license, and how many of each (C10 to C14).

Each cap is lifted by its own entitlement and by nothing else. Which plan carries which entitlement is data of
the installation that issues our license.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Cap(StrEnum):
    """What is counted. The value is its name in the API."""

    PRODUCTS = "products"
    PLANS = "plans_per_product"
    COUPONS = "active_coupons"
    MERCHANTS = "merchant_profiles"
    RECURRING = "recurring_plans"


@dataclass(frozen=True, slots=True)
class CapRule:
    """At most `most`, unless `entitlement` is held. `title` and `says` are what people read."""

    most: int
    entitlement: str
    title: str
    says: str


CAPS: Final[Mapping[Cap, CapRule]] = {
    Cap.PRODUCTS: CapRule(5, "unlimited_products", "Products", "Products, inactive ones among them"),
    Cap.PLANS: CapRule(5, "unlimited_policies", "Plans of one product", "Plans of one product, in any state"),
    Cap.COUPONS: CapRule(10, "unlimited_codes", "Active coupons", "Active coupons"),
    Cap.MERCHANTS: CapRule(
        1, "unlimited_merchant_profiles", "Merchant profiles", "Merchant profiles, the default among them"
    ),
    Cap.RECURRING: CapRule(0, "recurring_billing", "Recurring plans", "Recurring plans"),
}


@dataclass(frozen=True, slots=True)
class CapUse:
    """One cap with its use. `most` None is no limit."""

    cap: Cap
    used: int
    most: int | None

    @property
    def rule(self) -> CapRule:
        return CAPS[self.cap]

    @property
    def full(self) -> bool:
        return self.most is not None and self.used >= self.most

    @property
    def grandfathered(self) -> bool:
        """More than could be made now: made under another license, and stays usable (C17)."""
        return self.most is not None and self.used > self.most

    @property
    def last(self) -> bool:
        """The next one is the last (C17)."""
        return self.most is not None and 0 < self.most == self.used + 1


def cap_of(cap: Cap, *, lifted: bool) -> int | None:
    """How many there may be; None is no limit."""
    return None if lifted else CAPS[cap].most


def stands(use: CapUse, tier: str) -> str:
    """Tier, cap and count in one sentence (C16)."""
    return f"{use.rule.says}: the tier {tier} allows {use.most or 'none'}, and there are {use.used}."


def notice(use: CapUse, tier: str, *, adding: bool) -> str:
    """What staff are told beforehand (C17): that they are above a cap, at it, or about to make the last one.

    Empty where there is nothing to say. Who only looks is told of what is above.
    """
    if use.most is None:
        return ""
    there = stands(use, tier)
    if use.grandfathered:
        return f"Grandfathered. {there} All of them stay usable, and no more can be made."
    if adding and use.full:
        return f"{there} No more can be made."
    return f"{there} The next one is the last." if adding and use.last else ""
