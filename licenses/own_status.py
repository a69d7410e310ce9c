"""Our own license as people and programs see it: tier, what is granted, caps with their use, the guard (C18)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings

from licenses.domain.enums import Kind
from licenses.domain.own_license import NEXT_TIER, SAYS, Standing, Tier
from licenses.domain.tier_caps import CapUse
from licenses.gates import cap_uses, standing_now
from licenses.models import SelfLicense
from licenses.models.own import ONLY
from licenses.trust_root import is_own_master


@dataclass(frozen=True, slots=True)
class OwnStatus:
    """Everything about our own license at one instant. `row` is empty where none was ever activated."""

    row: SelfLicense
    standing: Standing
    uses: list[CapUse]
    own_master: bool

    @property
    def tier(self) -> Tier:
        return self.standing.tier

    @property
    def next_tier(self) -> Tier | None:
        return NEXT_TIER[self.tier]

    @property
    def upgrade_url(self) -> str | None:
        return settings.SELF_LICENSE_UPGRADE_URL if self.next_tier else None

    @property
    def sandbox(self) -> bool:
        """Whether the key is a test key."""
        return self.row.kind == Kind.TEST

    @property
    def reason_text(self) -> str:
        return SAYS.get(self.standing.reason, f"The master says: {self.standing.reason}.")

    @property
    def withheld(self) -> list[str]:
        """What the key carries and is not granted now."""
        return sorted(set(self.row.signed) - set(self.standing.granted))

    def to_dict(self) -> dict[str, Any]:
        row, now = self.row, self.standing
        return {
            "tier": str(self.tier),
            "display_name": self.tier.capitalize(),
            "entitlements": dict(now.granted),
            "signed_entitlements": sorted(row.signed),
            "usage": {str(use.cap): use.used for use in self.uses},
            "caps": {str(use.cap): use.most for use in self.uses},
            "grandfathered": [str(use.cap) for use in self.uses if use.grandfathered],
            "seat_limit": now.seats,
            "next_tier": str(self.next_tier) if self.next_tier else None,
            "upgrade_url": self.upgrade_url,
            "sandbox": self.sandbox,
            "guard": {
                "state": str(now.guard),
                "reason": now.reason or None,
                "detail": self.reason_text,
                "since": now.since or row.guard_since,
                "grace_until": now.until,
                "grace_days": settings.GUARD_GRACE_DAYS,
                "expected_domain": settings.SELF_LICENSE_DOMAIN,
                "refresh_minutes": settings.SELF_LICENSE_REFRESH_MINUTES,
            },
            "license": row.public_id or None,
            "plan": row.plan_code or None,
            "expires_at": row.expires_at,
            "activated_at": row.activated_at,
            "refreshed_at": row.refreshed_at,
            "outcome": row.outcome or None,
            "own_master": self.own_master,
        }


def own_status(at: datetime) -> OwnStatus:
    """Read what there is to say."""
    row = SelfLicense.objects.defer("key_sealed").filter(pk=ONLY).first() or SelfLicense(pk=ONLY)
    return OwnStatus(row, standing_now(at), cap_uses(at), is_own_master())
