"""Which customers are to be told of the end of a license, and who cannot be."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import CharField, Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat

from billing.selectors.cycles import renews_itself
from licenses.domain.enums import Kind, LicenseStatus
from licenses.models import License, Renewal
from notifications.domain.notices import Batch, Plan, batches
from notifications.models import Message, NoticePolicy
from trials.models import Trial

KINDS = (Kind.COMMERCIAL, Kind.TRIAL)
"""Kinds whose customers may be told. Never that of a test key, whatever the policy says."""


def policy_get() -> NoticePolicy:
    """The one policy; before it was ever saved, its defaults: switched off."""
    return NoticePolicy.objects.filter(pk=NoticePolicy.ONLY).first() or NoticePolicy(pk=NoticePolicy.ONLY)


def plan_of(policy: NoticePolicy) -> Plan:
    """Raises ZoneInfoNotFoundError when the zone database has lost the zone."""
    return Plan.of(
        before=policy.days_before, after=policy.days_after, hour=policy.hour, zone=ZoneInfo(policy.zone)
    )


def licenses_told(policy: NoticePolicy) -> QuerySet[License]:
    """Licenses whose customers a policy is for, whatever their end.

    A trial that was asked for has mail of its own, of its end as well (A25): nobody is told of it twice.
    What a running subscription renews ends at its period's end in the row only: its payer has nothing to do.
    """
    accompanied = Exists(Trial.objects.filter(license=OuterRef("pk")))
    return License.objects.filter(
        ~Q(kind=Kind.TRIAL) | ~accompanied,
        ~renews_itself(),
        status=LicenseStatus.ACTIVE,
        internal=False,
        kind__in=[kind for kind in KINDS if kind in policy.kinds],
        expires_at__isnull=False,
    )


def licenses_due(
    policy: NoticePolicy, at: datetime, *, reachable: bool = True, without: Collection[int] = ()
) -> QuerySet[License, Any]:
    """Keys of licenses whose customer is to be told now and was not, in one query; what ends first at the front.

    Those whose account has no address are `reachable=False`. Each day of an end is one range of the
    index `license_expiring`; that somebody was told is a look into the unique index of dedupe keys.
    """
    parts = [_due(policy, batch, reachable).exclude(pk__in=without) for batch in batches(plan_of(policy), at)]
    if not parts:
        return License.objects.none().values_list("pk", flat=True)
    first, *others = (part.order_by().values_list("pk", flat=True) for part in parts)
    return first.union(*others, all=True) if others else first


def _due(policy: NoticePolicy, batch: Batch, reachable: bool) -> QuerySet[License]:  # noqa: FBT001 - private
    told = Message.objects.filter(dedupe_key=_key_of(batch))
    moved = Renewal.objects.filter(license=OuterRef("pk"), renewed_at__gt=batch.due_at)
    rows = licenses_told(policy).filter(
        ~Exists(told),
        ~Exists(moved),
        expires_at__gte=batch.first,
        expires_at__lt=batch.until,
        created_at__lte=batch.due_at,
    )
    return rows.exclude(account__email="") if reachable else rows.filter(account__email="")


def _key_of(batch: Batch) -> Concat:
    """`dedupe_key` of a license, in SQL."""
    before, after = dedupe_key("\0", batch).split("\0")
    return Concat(Value(before), Cast(OuterRef("pk"), CharField()), Value(after), output_field=CharField())


def dedupe_key(license_id: int | str, batch: Batch) -> str:
    """One notice a license, day of the end and step: a renewal begins anew."""
    return f"notice:{license_id}:{batch.ends_on.isoformat()}:{batch.step:+d}"


def end_set_at(row: License) -> datetime:
    """When a license got its present end: when it was renewed last, or made."""
    newest = Renewal.objects.filter(license=row).order_by("-pk").values_list("renewed_at", flat=True).first()
    return newest or row.created_at


def unreachable(policy: NoticePolicy, at: datetime, *, limit: int) -> list[License]:
    """Licenses whose customer would be told now, had the account an address."""
    keys = list(licenses_due(policy, at, reachable=False)[:limit])
    rows = License.objects.filter(pk__in=keys).select_related("account", "product", "plan")
    return list(rows.order_by("expires_at", "pk"))
