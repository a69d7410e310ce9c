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
    """At most `most`, unless `entitlement` is held. `says` and `one` are what people read."""

    most: int
    entitlement: str
    says: str
    one: str


CAPS: Final[Mapping[Cap, CapRule]] = {
    Cap.PRODUCTS: CapRule(5, "unlimited_products", "products, inactive ones among them", "product"),
    Cap.PLANS: CapRule(5, "unlimited_policies", "plans of one product, in any state", "plan"),
    Cap.COUPONS: CapRule(10, "unlimited_codes", "active coupons", "active coupon"),
    Cap.MERCHANTS: CapRule(
        1, "unlimited_merchant_profiles", "merchant profiles, the default among them", "merchant profile"
    ),
    Cap.RECURRING: CapRule(0, "recurring_billing", "recurring plans", "recurring plan"),
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
