"""What mail adds to the page of an account: the tab "Mail"."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse

from accounts.admin.parts import Tab, needs, tab_register
from accounts.models import Account
from notifications.admin.message_display import message_table

NEWEST = 20


def content(_request: HttpRequest, account: Account) -> dict[str, Any]:
    """The newest mail about an account."""
    log = reverse("admin:notifications_message_changelist")
    return {
        "table": message_table(account.messages.defer("parts").order_by("-id")[:NEWEST]),
        "list_url": f"{log}?{urlencode({'account': account.slug})}",
        "nothing": "Nothing was mailed to this account yet.",
    }


tab_register(
    Tab(
        slug="mail", title="Mail", order=40, template="admin/signet/account_table.html", content=content,
        allowed=needs("notifications.view_message"),
    )
)  # fmt: skip
