"""What the license office adds to accounts: numbers, a tab and buttons on the page, a column and a filter (D5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import DropdownFilter

from accounts.admin import parts
from accounts.admin.parts import Button, Column, Number, Tab, needs
from accounts.models import Account
from config.kit.clock import now
from config.kit.filters import days
from licenses.admin import display as show
from licenses.domain.enums import Kind, LicenseStatus
from licenses.models import License

NEWEST = 20
SOON = 30
VIEW = "licenses.view_license"


def list_url(account: Account, **filters: object) -> str:
    """The list of licenses of an account, narrowed by more filters."""
    return f"{reverse('admin:licenses_license_changelist')}?{urlencode({'account': account.slug, **filters})}"


def _counted(slug: str, title: str, order: int, filters: Callable[[], dict[str, Any]]) -> None:
    """Register a number of licenses; `filters` are both the list's and, without `days`, the rows' own."""
    parts.number_register(
        Number(
            slug=slug, title=title, order=order, allowed=needs(VIEW),
            rows=lambda account: account.licenses.filter(**_lookups(filters())),
            url=lambda account: list_url(account, **filters()),
        )
    )  # fmt: skip


def _lookups(filters: dict[str, Any]) -> dict[str, Any]:
    first, last = filters.pop("expires_at_from", None), filters.pop("expires_at_to", None)
    return {**filters, **(days("expires_at", first, last) if first else {})}


def _soon() -> dict[str, Any]:
    today = now().date()
    return {
        "status__exact": LicenseStatus.ACTIVE.value,
        "expires_at_from": today,
        "expires_at_to": today + timedelta(days=SOON),
    }


_counted("licenses", "Licenses", 10, dict)
_counted("active", "Active licenses", 11, lambda: {"status__exact": LicenseStatus.ACTIVE.value})
_counted("expiring", f"Expiring in {SOON} days", 12, _soon)
_counted("test", "Test keys", 13, lambda: {"kind__exact": Kind.TEST.value})


# --- the tab ------------------------------------------------------------------------------------------


def content(_request: HttpRequest, account: Account) -> dict[str, Any]:
    """The newest licenses of an account."""
    rows = account.licenses.select_related("product", "plan").order_by("-id")[:NEWEST]
    return {
        "table": {
            "headers": ["License", "Product", "Plan", "Kind", "Count", "Created", "Expires", "State"],
            "rows": [_line(row) for row in rows],
        },
        "list_url": list_url(account),
        "nothing": "This account has no license yet.",
    }


def _line(row: License) -> list[Any]:
    return [
        format_html('<a href="{}" class="text-link">{}</a>', show.page_of(row), show.short_id(row.public_id)),
        row.product.name,
        row.plan.name,
        f"{row.kind}, internal" if row.internal else row.kind,
        f"{row.quantity:,}",
        show.day(row.created_at),
        show.day(row.expires_at, none="never"),
        format_html('<div class="sg-states">{}{}</div>', show.badge(row.status), show.badge(row.posture)),
    ]


parts.tab_register(
    Tab(
        slug="licenses", title="Licenses", order=10, template="admin/signet/account_table.html",
        content=content, allowed=needs(VIEW),
    )
)  # fmt: skip


# --- buttons ------------------------------------------------------------------------------------------


def _for(name: str) -> Callable[[Account], str]:
    return lambda account: f"{reverse(f'admin:{name}')}?account={account.pk}"


parts.button_register(
    Button(
        slug="issue", title="Issue license", icon="draw", order=10, url=_for("licenses_license_add"),
        allowed=needs("licenses.create_commercial"),
    )
)  # fmt: skip
parts.button_register(
    Button(
        slug="test", title="New test key", icon="bolt", order=20, url=_for("licenses_license_test_key"),
        allowed=needs("licenses.create_test"),
    )
)  # fmt: skip


# --- the list -----------------------------------------------------------------------------------------


def _counts(rows: Sequence[Account]) -> Mapping[int, SafeString]:
    """How many licenses each account of a page has, in one query, with the way to them."""
    licenses = License.objects.filter(account__in=[row.pk for row in rows]).order_by()
    counted = dict(licenses.values_list("account").annotate(Count("pk")))
    return {
        row.pk: format_html('<a href="{}" class="text-link">{}</a>', list_url(row), f"{counted[row.pk]:,}")
        for row in rows
        if row.pk in counted
    }


class HasLicensesFilter(DropdownFilter):  # type: ignore[misc] # unfold ships no types
    title = "licenses"
    parameter_name = "licenses"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("some", "With licenses"), ("none", "Without a license")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Account]) -> QuerySet[Account]:
        if self.value() not in ("some", "none"):
            return queryset
        has = Exists(License.objects.filter(account=OuterRef("pk")))
        return queryset.filter(has if self.value() == "some" else ~has)


parts.column_register(
    Column(slug="licenses", title="Licenses", order=10, values=_counts, allowed=needs(VIEW), empty="0")
)
parts.filter_register(HasLicensesFilter)
