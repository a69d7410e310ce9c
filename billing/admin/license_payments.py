"""What was paid, on the page of a license and on that of its account."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from accounts.admin import parts as account_parts
from accounts.admin.parts import needs
from accounts.models import Account
from billing.admin.payments import state_label
from billing.domain.money import money_text
from billing.models import Payment
from billing.selectors.cycles import cycles_renewing
from billing.selectors.payments import payments, payments_of_license
from config.kit.display import instant, page_of
from licenses.admin.facts import Coming, away, renewer_register
from licenses.admin.parts import Tab, tab_register
from licenses.models import License

VIEW = "billing.view_payment"
NEWEST = 50
HEADERS = ["Paid", "Amount", "State", "Offer", "For", "Refunded"]


def _line(row: Payment) -> list[Any]:
    return [
        format_html('<a href="{}" class="text-link">{}</a>', page_of(row), instant(row.paid_at)),
        money_text(row.amount_minor, row.currency),
        state_label(row),
        row.offer.name,
        row.get_purpose_display().replace("_", " ").lower(),
        money_text(row.refunded_minor, row.currency) if row.refunded_minor else "-",
    ]


def of_license(_request: HttpRequest, row: License) -> dict[str, Any]:
    """The newest payments of a license: purchase, renewals, maintenance, changes of tier."""
    found = payments_of_license(row)[:NEWEST]
    return {
        "table": {"headers": HEADERS, "rows": [_line(payment) for payment in found]},
        "list_url": _list(row.account),
        "nothing": "Nothing was paid for this license.",
    }


def of_account(_request: HttpRequest, account: Account) -> dict[str, Any]:
    """The newest payments of an account."""
    found = payments().filter(account=account)[:NEWEST]
    return {
        "table": {"headers": HEADERS, "rows": [_line(payment) for payment in found]},
        "list_url": _list(account),
        "nothing": "This account has paid nothing yet.",
    }


def _list(account: Account) -> str:
    return f"{reverse('admin:billing_payment_changelist')}?account={account.slug}"


def renewal_of(row: License, at: datetime) -> Coming | None:
    """The end of the paid period of the cycle that renews a license."""
    ends = cycles_renewing(row).filter(period_end__isnull=False).order_by("period_end")
    end = ends.values_list("period_end", flat=True).first()
    if end is None:
        return None
    when = (
        f"on {end:%Y-%m-%d} ({away(end, at)})"
        if end > at
        else f"as soon as Stripe is paid, due {away(end, at)}"
    )
    return Coming(
        end, f"Its subscription renews it {when}: a paid invoice moves the end and signs a new key."
    )


renewer_register(renewal_of)
tab_register(
    Tab(
        slug="payments", title="Payments", order=50, template="admin/signet/license_payments.html",
        content=of_license, allowed=needs(VIEW),
    )
)  # fmt: skip
account_parts.tab_register(
    account_parts.Tab(
        slug="payments", title="Payments", order=30, template="admin/signet/account_table.html",
        content=of_account, allowed=needs(VIEW),
    )
)  # fmt: skip
account_parts.number_register(
    account_parts.Number(
        slug="payments", title="Payments", order=30, allowed=needs(VIEW),
        rows=lambda account: account.payments.all(), url=_list,
    )
)  # fmt: skip
