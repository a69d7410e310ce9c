"""Lists over evidence: what ended silently, what is late, what waits for an approver."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from config.kit.clock import now
from trials.domain.evidence.words import AccessCheck, CheckResult, ExpiryOutcome, StageName, State
from trials.models import BlockedAccessCheck, EvidenceApproval, EvidencePackage, Trial
from trials.services.evidence.drafting import trials_without_follow_up

LATE_DAYS = 3
"""B17: a follow-up that is still blocked after so many days is late."""


class Standing(StrEnum):
    """Where the newest version of a package stands. Each is in one of them; late ones are blocked, too."""

    LATE = "late"
    BLOCKED = "blocked"
    WAITING = "waiting"
    REJECTED = "rejected"
    APPROVED = "approved"


def standing_as(
    rows: QuerySet[EvidencePackage], standing: Standing, at: datetime | None = None
) -> QuerySet[EvidencePackage]:
    """Those newest versions among `rows` that stand so."""
    rows = rows.filter(latest=True)
    decided = EvidenceApproval.objects.filter(package=OuterRef("pk"))
    yes = Exists(decided.filter(approved=True))
    match standing:
        case Standing.LATE:
            return rows.filter(pk__in=follow_ups_late(at or now()).values("pk"))
        case Standing.BLOCKED:
            return rows.filter(state=State.BLOCKED)
        case Standing.WAITING:
            return rows.filter(~Exists(decided), state=State.READY)
        case Standing.REJECTED:
            return rows.filter(Exists(decided), ~yes, state=State.READY)
        case Standing.APPROVED:
            return rows.filter(yes, state=State.READY)


def expired_without_follow_up(at: datetime, *, days: int = LATE_DAYS) -> QuerySet[Trial]:
    """Trials past their end without a follow-up, and those whose follow-up is older than `days` and still blocked."""
    late = follow_ups_late(at, days=days).values("trial")
    silent = trials_without_follow_up(at).values("pk")
    rows = Trial.objects.filter(Q(pk__in=silent) | Q(pk__in=late))
    return rows.select_related("account", "program", "license").order_by("ends_at", "pk")


def follow_ups_late(at: datetime, *, days: int = LATE_DAYS) -> QuerySet[EvidencePackage]:
    """Newest follow-up packages that have been blocked for longer than `days`, counted from their first version."""
    first = EvidencePackage.objects.filter(
        trial=OuterRef("trial"), stage=StageName.FOLLOW_UP, created_at__lte=at - timedelta(days=days)
    )
    rows = EvidencePackage.objects.filter(
        Exists(first), stage=StageName.FOLLOW_UP, latest=True, state=State.BLOCKED
    )
    return rows.select_related("trial__account").order_by("created_at", "pk")


def newest_packages() -> QuerySet[EvidencePackage]:
    """The newest version of every package."""
    return EvidencePackage.objects.select_related("trial__account").filter(latest=True)


def waiting_for_approval() -> QuerySet[EvidencePackage]:
    """Ready packages in their newest version that nobody has decided yet: the approver's inbox, oldest first."""
    rows = standing_as(EvidencePackage.objects.all(), Standing.WAITING)
    return rows.select_related("trial__account", "trial__program").order_by("changed_at", "pk")


def must_be_shut() -> QuerySet[Trial]:
    """Trials whose evidence says that they were revoked. Who goes on keeps a license that works (B25)."""
    revoked = EvidencePackage.objects.filter(
        trial=OuterRef("pk"), stage=StageName.EXPIRY, latest=True, values__outcome=ExpiryOutcome.REVOKED
    )
    return Trial.objects.filter(Exists(revoked))


def doors_open() -> QuerySet[Any, Any]:
    """The newest answer of each door of a revoked trial, where that is `allowed` (B25).

    As trial, check, name of the account, when it was tried, and the key of the trial's expiry package.
    """
    later = BlockedAccessCheck.objects.filter(
        trial=OuterRef("trial"), check_name=OuterRef("check_name"), pk__gt=OuterRef("pk")
    )
    expiry = EvidencePackage.objects.filter(trial=OuterRef("trial"), stage=StageName.EXPIRY, latest=True)
    rows = BlockedAccessCheck.objects.filter(~Exists(later), result=CheckResult.ALLOWED)
    return (
        rows.filter(trial__in=must_be_shut().values("pk"))
        .order_by("-pk")
        .values_list(
            "trial_id", "check_name", "trial__account__name", "checked_at", Subquery(expiry.values("pk")[:1])
        )
    )


def license_checks_due(at: datetime, *, again_after: timedelta = timedelta(days=1)) -> QuerySet[Trial]:
    """Revoked trials whose license was not yet found shut, and not tried since a day (B25)."""
    checks = BlockedAccessCheck.objects.filter(
        trial=OuterRef("pk"), check_name=AccessCheck.LICENSE_VALIDATION
    ).order_by("-id")
    rows = must_be_shut().filter(ended_at__lte=at)
    rows = rows.annotate(
        found=Subquery(checks.values("result")[:1]), tried_at=Subquery(checks.values("checked_at")[:1])
    )
    again = Q(tried_at__isnull=True) | (Q(tried_at__lte=at - again_after) & ~Q(found=CheckResult.BLOCKED))
    return rows.filter(again)
