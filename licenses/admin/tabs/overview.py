"""What a license grants, and its newest key."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from licenses.admin import display as show
from licenses.admin.issuances import is_kept
from licenses.admin.key_sight import may_see_keys
from licenses.admin.pages import shows_now
from licenses.admin.parts import Tab, tab_register
from licenses.admin.people import names_of
from licenses.admin.texts import linked
from licenses.domain.claim_words import claim_lines
from licenses.models import License
from licenses.selectors import latest_issuance

RECENT = 10
Line = tuple[str, SafeString | str]


def content(request: HttpRequest, row: License) -> dict[str, Any]:
    """The terms, the record, and the newest key."""
    newest = latest_issuance(row)
    if newest is not None:
        newest.license = row
    return {
        "sections": (("Terms", terms(row)), ("Record", record(row))),
        "newest": newest,
        "kept": newest is not None and is_kept(newest),
        "may_see_key": may_see_keys(request, [row.kind]),
        "key_now": shows_now(request, newest),
        "renewals": _renewals(row),
    }


def terms(row: License) -> list[Line]:
    """What the license grants, as lines of a list."""
    return [
        ("Customer", _customer(row)),
        ("Product and plan", f"{row.product.name}, {row.plan.name} ({row.plan_code})"),
        ("Kind", f"{row.kind}, {row.edition} edition{', for internal use' if row.internal else ''}"),
        ("Term", f"{show.instant(row.starts_at)} → {show.instant(row.expires_at, none='no end')}"),
        ("Count", f"{row.quantity:,}"),
        ("Limits", _limits(row)),
        ("Entitlements", _entitlements(row)),
        ("Periods", f"warns {row.warn_days} days before the end, grace of {row.grace_days} days after it"),
        ("Bound to", _machine(row)),
        ("Validation", _validation(row)),
    ]


def record(row: License) -> list[Line]:
    """Where the license comes from. Lines that most licenses leave empty are left out."""
    by = row.creator or row.created_by
    reason = f": {row.status_reason}" if row.status_reason else ""
    lines: list[Line] = [
        ("License", show.mono(row.public_id)),
        ("Status", f"{row.status} since {show.instant(row.status_at)}{reason}"),
        ("Created", f"{show.instant(row.created_at)} by {by} ({row.get_origin_display()})"),
        ("Comment", linked(row.comment) if row.comment else ""),
        ("CRM reference", row.crm_ref),
        ("Legacy key", row.legacy_key),
    ]
    return [(name, value) for name, value in lines if value]


def _customer(row: License) -> SafeString:
    return format_html('{} <span class="sg-mono">{}</span>', show.link(row.account), row.account.customer_id)


def _limits(row: License) -> str:
    names = ("seats", "nodes", "machines", "collectors")
    return ", ".join(f"{name} {show.limit(getattr(row, name))}" for name in names)


def _entitlements(row: License) -> str:
    return next(line.words for line in claim_lines({"ent": row.entitlements}) if line.name == "ent")


def _machine(row: License) -> SafeString | str:
    return show.mono(f"SHA-256 {row.fingerprint_sha256}") if row.fingerprint_sha256 else "no machine"


def _validation(row: License) -> str:
    return f"prefers online at {row.online_url}" if row.prefer_online else "offline, online when asked"


def _renewals(row: License) -> dict[str, Any]:
    found = list(row.renewals.order_by("-id")[:RECENT])
    names = names_of(item.actor for item in found)
    rows = [
        [
            show.instant(item.renewed_at),
            f"{show.instant(item.old_expires_at)} → {show.instant(item.new_expires_at)}",
            names[item.actor],
            item.reason or "-",
        ]
        for item in found
    ]
    return {"headers": ["Renewed", "Old end → new end", "By", "Reason"], "rows": rows}


tab_register(
    Tab(
        slug="overview",
        title="Overview",
        order=10,
        template="admin/signet/license_overview.html",
        content=content,
    )
)
