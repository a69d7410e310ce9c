"""Texts of licenses are kept for a while only: after the end of a trial they go, the record stays (E34)."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from config.kit.locks import locked
from history.domain.kinds import Kind as EventKind
from history.services import NewEvent, record_many
from licenses.domain.enums import Kind
from licenses.models import Issuance, License

BATCH = 200
ACTOR = "system:retention"


def artifacts_expire(*, at: datetime, limit: int = 100_000) -> int:
    """Remove the kept texts of licenses that ended SIGNET_TRIAL_KEEP_DAYS ago; return of how many licenses.

    Trials only, unless SIGNET_RETENTION_ALL_KINDS. Issuances stay with hash and claims. One event a
    license. Safe to run twice, late or in parallel.
    """
    done = 0
    while done < limit:
        ids = list(_ended(at).order_by("expires_at").values_list("pk", flat=True)[:BATCH])
        if not ids:
            break
        done += _expire_batch(ids, at)
    return done


def _ended(at: datetime) -> QuerySet[License]:
    last = at - timedelta(days=settings.TRIAL_KEEP_DAYS)
    kept = Issuance.objects.filter(license=OuterRef("pk"), artifact__isnull=False)
    rows = License.objects.filter(Exists(kept), expires_at__lte=last)
    return rows if settings.RETENTION_ALL_KINDS else rows.filter(kind=Kind.TRIAL)


def _expire_batch(ids: list[int], at: datetime) -> int:
    with transaction.atomic():
        rows = list(locked(_ended(at).select_related("account").filter(pk__in=ids).order_by("pk")))
        removed = {row.pk: 0 for row in rows}
        for row in rows:
            removed[row.pk] = row.issuances.filter(artifact__isnull=False).update(artifact=None)
        record_many(
            NewEvent(
                kind=EventKind.TRIAL_ERASED if row.kind == Kind.TRIAL else EventKind.ARTIFACT_ERASED,
                subject=f"license:{row.public_id}",
                account=row.account.customer_id,
                actor=ACTOR,
                at=at,
                data={"texts": removed[row.pk]},
            )
            for row in rows
        )
    return len(rows)
