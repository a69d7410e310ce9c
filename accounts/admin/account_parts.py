"""What accounts themselves put on their page: particulars, API keys, the timeline, and the buttons."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from accounts.admin import parts
from accounts.admin.account_page import MANAGE
from accounts.admin.parts import Button, Number, Tab, needs
from accounts.models import Account, ApiKey
from accounts.selectors import customer_ids_of
from accounts.services.accounts import refuse_while_owning
from config.kit.clock import now
from config.kit.display import day, label, link, page_of
from config.kit.errors import Refusal
from history.models import Event
from history.naming import names_of

PAGE = 50
MOST_KEYS = 50
LONGEST_KEY = 18
HISTORY = "history.view_event"
API_KEYS = ("accounts.view_apikey", "accounts.manage_credentials")
KIND_TONES = {"customer": "success", "prospect": "info", "internal": "warning"}


def kind_label(account: Account) -> str:
    return label(account.get_kind_display(), KIND_TONES[account.kind])


# --- tabs ---------------------------------------------------------------------------------------------


def overview(request: HttpRequest, account: Account) -> dict[str, Any]:
    """Its particulars, what was merged into it, and whether it can be deleted."""
    particulars = [
        ("E-mail", account.email or "-"),
        ("Domain", account.domain or "-"),
        ("Owner", str(account.owner) if account.owner else "nobody"),
        ("CRM record", account.crm_ref or "-"),
        ("Opened", day(account.created_at)),
    ]
    may_manage = request.user.has_perm(MANAGE) and account.merged_into is None
    return {
        "particulars": particulars,
        "merged": list(account.merged.order_by("-merged_at")),
        "may_manage": may_manage,
        "in_the_way": _in_the_way(account) if may_manage else "",
    }


def _in_the_way(account: Account) -> str:
    """Why it cannot be deleted; nothing when it can."""
    try:
        refuse_while_owning(account)
    except Refusal as refusal:
        return refusal.detail
    return ""


def timeline(request: HttpRequest, account: Account) -> dict[str, Any]:
    """What happened to it and to all it owns, newest first, that of merged accounts among it."""
    ids = customer_ids_of(account)
    events = Event.objects.filter(account__in=ids).order_by("-id")
    before = request.GET.get("before", "")
    if before.isdecimal() and len(before) <= LONGEST_KEY:
        events = events.filter(pk__lt=int(before))
    found = list(events[: PAGE + 1])
    shown = found[:PAGE]
    names = names_of(thing for event in shown for thing in (event.actor, event.subject))
    url = parts.tab_url(account, "timeline")
    return {
        "entries": [(event, names[event.actor], names[event.subject], page_of(event)) for event in shown],
        "newer": url if before else "",
        "older": f"{url}&before={shown[-1].pk}" if len(found) > PAGE else "",
        "all_url": history_url(account),
    }


def api_keys(_request: HttpRequest, account: Account) -> dict[str, Any]:
    """The credentials that see this account and no other."""
    rows = account.api_keys.order_by("-id")[:MOST_KEYS]
    at = now()
    return {
        "table": {
            "headers": ["Key", "Name", "Role", "State", "Last used", "Created"],
            "rows": [
                [
                    link(key, key.prefix),
                    key.name,
                    key.role,
                    key.state(at),
                    day_or_never(key),
                    day(key.created_at),
                ]
                for key in rows
            ],
        },
        "list_url": api_keys_url(account),
        "nothing": "No API key is bound to this account.",
    }


def day_or_never(key: ApiKey) -> str:
    return f"{key.last_used_on:%Y-%m-%d}" if key.last_used_on else "never"


def api_keys_url(account: Account) -> str:
    return f"{reverse('admin:accounts_apikey_changelist')}?account={account.slug}"


def history_url(account: Account) -> str:
    """The history's list of this account: it finds what was merged into it by the same name."""
    return f"{reverse('admin:history_event_changelist')}?account={account.customer_id}"


def _step(name: str) -> Any:
    def url(account: Account) -> str:
        return reverse(f"admin:accounts_account_{name}", args=[account.pk])

    return url


parts.tab_register(
    Tab(
        slug="overview", title="Overview", order=0, template="admin/signet/account_overview.html",
        content=overview,
    )
)  # fmt: skip
parts.tab_register(
    Tab(
        slug="keys", title="API keys", order=30, template="admin/signet/account_table.html",
        content=api_keys, allowed=needs(*API_KEYS),
    )
)  # fmt: skip
parts.tab_register(
    Tab(
        slug="timeline", title="Timeline", order=90, template="admin/signet/account_timeline.html",
        content=timeline, allowed=needs(HISTORY),
    )
)  # fmt: skip

parts.number_register(
    Number(
        slug="keys", title="API keys", order=50, rows=lambda account: account.api_keys.all(),
        url=api_keys_url, allowed=needs(*API_KEYS),
    )
)  # fmt: skip
parts.number_register(
    Number(
        slug="events", title="Events", order=90, url=history_url, allowed=needs(HISTORY),
        rows=lambda account: Event.objects.filter(account__in=customer_ids_of(account)),
    )
)  # fmt: skip

parts.button_register(
    Button(
        slug="edit",
        title="Edit",
        icon="edit",
        order=40,
        url=_step("edit"),
        allowed=needs(MANAGE),
        dialog=True,
    )
)
parts.button_register(
    Button(
        slug="promote", title="Promote to customer", icon="trending_up", order=30, url=_step("promote"),
        allowed=needs(MANAGE), fits=lambda account: account.kind == Account.Kind.PROSPECT, dialog=True,
    )
)  # fmt: skip
parts.button_register(
    Button(
        slug="merge", title="Merge into another account", icon="merge", order=80, url=_step("merge"),
        allowed=needs(MANAGE), front=False,
    )
)  # fmt: skip
parts.button_register(
    Button(
        slug="delete", title="Delete", icon="delete", order=90, url=_step("delete"), allowed=needs(MANAGE),
        dialog=True, front=False, danger=True,
    )
)  # fmt: skip
