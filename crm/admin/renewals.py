"""The renewals pipeline: what is due in 30, 60 and 90 days, its value and its health. Numbers lead to their lists."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from billing.domain.money import money_text
from config.kit.clock import now
from config.kit.display import day, label, page_of
from crm.domain.health import Health
from crm.renewals import WITHIN, Bucket, Money, Renewal, buckets, renewals

MOST = 100
TONES = {Health.GOOD: "success", Health.WATCH: "warning", Health.AT_RISK: "danger"}
POSTURE_TONES = {"warning": "warning", "grace": "danger", "read_only": "danger"}


@require_safe
def renewals_view(request: HttpRequest) -> HttpResponse:
    """The buckets, and the first of what is due in the one that was chosen."""
    at = now()
    chosen = request.GET.get("within", "")
    within = int(chosen) if chosen in {str(days) for days in WITHIN} else WITHIN[0]
    found = buckets(at)
    rows = renewals(within, at, MOST)
    sees = {
        name: request.user.has_perm(permission)
        for name, permission in (("license", "licenses.view_license"), ("account", "accounts.view_account"))
    }
    context = {
        **admin.site.each_context(request),
        "title": "Renewals",
        "content_title": "Renewals",
        "buckets": [(_bucket(bucket), bucket.within == within) for bucket in found],
        "within": within,
        "rows": [_row(row, sees) for row in rows],
        "list_url": licenses_url(within) if sees["license"] else "",
        "has_more": next(bucket.count for bucket in found if bucket.within == within) > len(rows),
    }
    return TemplateResponse(request, "admin/crm/renewals.html", context)


def licenses_url(within: int) -> str:
    """The list of the licenses that a bucket counts."""
    filters = {"ends": within, "counts": "sold", "status__exact": "active"}
    return f"{reverse('admin:licenses_license_changelist')}?{urlencode(filters)}"


def _bucket(bucket: Bucket) -> dict[str, Any]:
    return {
        "within": bucket.within,
        "count": f"{bucket.count:,}",
        "url": f"{reverse('admin:crm_task_renewals')}?within={bucket.within}",
        "list_url": licenses_url(bucket.within),
        "value": " + ".join(_money(money) for money in bucket.sums) or "-",
        "unknown": bucket.count - bucket.valued,
    }


def _money(money: Money | None) -> str:
    return money_text(money.amount_minor, money.currency) if money else "not known"


def _row(row: Renewal, sees: dict[str, bool]) -> dict[str, Any]:
    return {
        "account": row.license.account.name,
        "account_url": page_of(row.license.account) if sees["account"] else "",
        "license": f"{row.license.product.name} {row.license.plan.name}",
        "license_url": page_of(row.license) if sees["license"] else "",
        "ends": day(row.license.expires_at),
        "value": _money(row.money),
        "how": "by itself" if row.by_itself else "by us",
        "owner": str(row.license.account.owner) if row.license.account.owner else "nobody",
        "health": label(row.health, TONES[row.health]),
        "why": row.why,
        "posture": _posture(row.license.posture),
        "seen": day(row.last_seen_at, none="never"),
        "engagement": row.engagement.replace("_", " ") or "-",
    }


def _posture(posture: str) -> SafeString:
    return label(posture.replace("_", "-"), POSTURE_TONES.get(posture, "success"))
