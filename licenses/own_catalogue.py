"""What a master sells: Signet itself, its tiers as plans (C13). Data, and nothing else.

Which plan carries which entitlement is decided here once, when a master is set up, and from then on by whoever
edits its plans. No entitlement implies another (C7), so each plan names all that it grants.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

NAME: Final = "Signet"
ENTITLEMENTS: Final[tuple[tuple[str, str, str], ...]] = (
    ("unlimited_products", "Unlimited products", "More than five products."),
    ("unlimited_policies", "Unlimited plans", "More than five plans of one product."),
    ("unlimited_codes", "Unlimited coupons", "More than ten active coupons."),
    ("unlimited_merchant_profiles", "Unlimited merchants", "More than one merchant profile."),
    ("recurring_billing", "Recurring plans", "Plans that renew by period."),
    ("crm", "CRM", "The CRM section."),
    ("patron", "Patron", "Says thank you to who supports Signet. Opens no gate."),
)
_PRO: Final = {slug: True for slug, _, _ in ENTITLEMENTS if slug != "patron"}
_PLAN: Final = {"machines": 0, "duration_days": 365, "public": True}
PLANS: Final[tuple[Mapping[str, Any], ...]] = (
    MappingProxyType(
        {
            **_PLAN,
            "slug": "creator",
            "name": "Creator",
            "edition": "community",
            "duration_days": 0,
            "tier_rank": 0,
        }
    ),
    MappingProxyType({**_PLAN, "slug": "pro", "name": "Pro", "tier_rank": 100, "entitlements": _PRO}),
    MappingProxyType(
        {
            **_PLAN,
            "slug": "patron",
            "name": "Patron",
            "tier_rank": 200,
            "entitlements": {**_PRO, "patron": True},
        }
    ),
)


def entitlement_catalogue() -> list[dict[str, str]]:
    """The same as a product keeps it (C20)."""
    return [{"slug": slug, "name": name, "description": text} for slug, name, text in ENTITLEMENTS]
