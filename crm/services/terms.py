"""Terms of licenses and the cycles of payments that renew them, as history tells of them up to an event.

Today's rows would not do: who reads history again must judge as was judged then.
"""

from __future__ import annotations

from typing import Any

from billing.models import Subscription
from crm.domain.causes import runs_on
from history.domain.kinds import Kind
from history.models import Event
from licenses.domain.enums import LicenseStatus, Posture
from licenses.domain.posture import posture_of_terms
from licenses.models import License, Renewal


def term_of(row: License, event: Event) -> str:
    """The id of the renewal that began the term in which an event came; empty: the first term."""
    uid = _newest(Kind.LICENSE_RENEWED, f"license:{row.public_id}", event, "uid")
    return str(uid) if uid else ""


def renews_itself(row: License, event: Event) -> bool:
    """Did a cycle of payments renew the license by itself, after an event?"""
    cycles = Subscription.objects.filter(license=row, started_at__lte=event.at)
    return any(_runs_on(name, event) for name in cycles.values_list("stripe_id", flat=True))


def in_warning(row: License, event: Event) -> bool:
    """Was the license about to end when an event came? One that was made in its warning time has no event of that."""
    told = _newest(Kind.POSTURE_CHANGED, f"license:{row.public_id}", event, "data")
    if told is not None:
        return bool(told.get("to") == Posture.WARNING)
    later = Renewal.objects.filter(license=row, renewed_at__gt=event.at).order_by("renewed_at", "pk").first()
    posture = posture_of_terms(
        starts_at=row.starts_at,
        expires_at=later.old_expires_at if later else row.expires_at,
        warn_days=row.warn_days,
        grace_days=row.grace_days,
        status=LicenseStatus.ACTIVE,
        now=event.at,
    )
    return posture is Posture.WARNING


def _runs_on(stripe_id: str, event: Event) -> bool:
    """One that nothing is told of runs as it began."""
    told = _newest(Kind.SUBSCRIPTION_CHANGED, f"subscription:{stripe_id}", event, "data")
    return told is None or runs_on(told)


def _newest(kind: Kind, subject: str, event: Event, field: str) -> Any:
    """Of the newest event of a kind about one thing, an event itself included."""
    rows = Event.objects.filter(kind=kind, subject=subject, pk__lte=event.pk)
    return rows.order_by("-pk").values_list(field, flat=True).first()
