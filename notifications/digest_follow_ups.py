"""What the digest says of trials that ended: whose follow-up is late or blocked, in numbers with their lists (B17)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from trials.domain.evidence.words import StageName
from trials.evidence_lists import LATE_DAYS, Standing, expired_without_follow_up, newest_packages, standing_as


@dataclass(frozen=True, slots=True)
class FollowUps:
    """How many trials expired without a follow-up or are late with it, and how many follow-ups are blocked at all."""

    overdue: int = 0
    blocked: int = 0

    def context(self, absolute: Callable[[str], str]) -> dict[str, Any]:
        """For the templates; empty when nobody has anything to do."""
        if not (self.overdue or self.blocked):
            return {}
        blocked = urlencode({"stage__exact": StageName.FOLLOW_UP.value, "standing": Standing.BLOCKED.value})
        return {
            "overdue": self.overdue,
            "overdue_url": absolute(reverse("admin:trials_evidencepackage_silent")),
            "blocked": self.blocked,
            "blocked_url": absolute(f"{reverse('admin:trials_evidencepackage_changelist')}?{blocked}"),
            "days": LATE_DAYS,
        }


NOTHING = FollowUps()


def follow_ups_at(at: datetime) -> FollowUps:
    """The numbers at an instant, as the report and the board have them."""
    blocked = standing_as(newest_packages().filter(stage=StageName.FOLLOW_UP), Standing.BLOCKED, at)
    return FollowUps(expired_without_follow_up(at).count(), blocked.count())
