"""What the CRM adds to the page of an account: the tab "CRM" with its people, what is to do, and the timeline."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from accounts.admin.parts import Number, Tab, number_register, tab_register, tab_url
from accounts.models import Account
from config.kit.clock import now
from config.kit.display import day, link
from crm.admin.display import due_label, engagement_label, status_label
from crm.gate import is_shown
from crm.models import Person
from crm.selectors import tasks_in
from crm.timeline import account_beside, account_events, account_notes, page_read

SLUG = "crm"
PEOPLE = 20
TASKS = 10
LAST_PAGE = 10_000


def may_see(request: HttpRequest) -> bool:
    return is_shown(request) and bool(request.user.has_perm("crm.view_person"))


def may_see_tasks(request: HttpRequest) -> bool:
    return is_shown(request) and bool(request.user.has_perm("crm.view_task"))


def content(request: HttpRequest, account: Account) -> dict[str, Any]:
    """People, tasks that are to be done, and a page of what happened with what was written down."""
    number = _page_number(request)
    sees_events = request.user.has_perm("history.view_event")
    events = account_events(account) if sees_events else None
    page = page_read(events, account_notes(account), account_beside(account, request.user), number)
    url = tab_url(account, SLUG)
    return {
        "people": _people(account),
        "people_url": people_url(account),
        "tasks": _tasks(account) if may_see_tasks(request) else None,
        "tasks_url": tasks_url(account),
        "add_task_url": _add_task_url(account) if request.user.has_perm("crm.manage_tasks") else "",
        "page": page,
        "newer": f"{url}&page={number - 1}" if number > 1 else "",
        "older": f"{url}&page={number + 1}" if page.has_older else "",
        "sees_events": sees_events,
    }


def people_url(account: Account) -> str:
    return f"{reverse('admin:crm_person_changelist')}?account={account.slug}"


def tasks_url(account: Account) -> str:
    return f"{reverse('admin:crm_task_changelist')}?account={account.slug}"


def _add_task_url(account: Account) -> str:
    return f"{reverse('admin:crm_task_add')}?account={account.slug}"


def _people(account: Account) -> dict[str, Any]:
    rows = account.people.filter(merged_into=None).order_by("-pk")[:PEOPLE]
    return {
        "headers": ["Person", "Address", "Engagement", "Last seen"],
        "rows": [
            [link(row), row.email or "-", engagement_label(row), day(row.last_seen_at, none="never")]
            for row in rows
        ],
    }


def _tasks(account: Account) -> dict[str, Any]:
    today = now().date()
    rows = tasks_in(account.tasks.select_related("owner"), "todo", today)
    return {
        "headers": ["Task", "Status", "Due", "Owner"],
        "rows": [
            [link(row), status_label(row), due_label(row, today), str(row.owner) if row.owner else "nobody"]
            for row in rows.order_by("due_on", "-pk")[:TASKS]
        ],
    }


def _page_number(request: HttpRequest) -> int:
    text = request.GET.get("page", "")
    return min(max(int(text), 1), LAST_PAGE) if text.isdecimal() and len(text) < 6 else 1  # noqa: PLR2004 - digits of LAST_PAGE


tab_register(
    Tab(
        slug=SLUG,
        title="CRM",
        order=80,
        template="admin/crm/account_tab.html",
        content=content,
        allowed=may_see,
    )
)
number_register(
    Number(
        slug="people", title="People", order=45, url=people_url, allowed=may_see,
        rows=lambda account: Person.objects.filter(account=account, merged_into=None),
    )
)  # fmt: skip
number_register(
    Number(
        slug="tasks", title="Tasks", order=46, url=tasks_url, allowed=may_see_tasks,
        rows=lambda account: tasks_in(account.tasks.all(), "todo", now().date()),
    )
)  # fmt: skip
