"""Tasks: the list, the page of one, the board, and renewals (D18)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import display
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from config.kit import actors
from config.kit.admin import ReadOnlyAdmin, tell
from config.kit.changelist import KeysetList
from config.kit.clock import now
from config.kit.display import day, instant, link, page_of
from config.kit.errors import Refusal
from config.kit.forms import posted
from config.kit.keyset import Order
from config.kit.pages import form_page
from crm.admin.board import board_view
from crm.admin.display import due_label, kind_label, status_label, whom_label
from crm.admin.filters import DueFilter, OwnerFilter, StateFilter
from crm.admin.forms import TaskForm
from crm.admin.guard import SectionGuard
from crm.admin.moves import MOVES, back_of, moves_of
from crm.admin.renewals import renewals_view
from crm.admin.subjects import subject_link
from crm.admin.task_bulk import TaskBulk
from crm.admin.task_dialogs import DIALOGS, MANAGE
from crm.domain.words import TaskStatus
from crm.models import Task
from crm.searching import tasks_like
from crm.services.tasks import task_create, task_move
from history.models import Event
from licenses.admin.filters import AccountFilter
from licenses.admin.people import names_of
from trials.admin.page import DialogPage
from trials.admin.parts import Dialog

EVENTS = 50


@admin.register(Task)
class TaskAdmin(SectionGuard, TaskBulk, DialogPage, KeysetList, ReadOnlyAdmin):
    page_template = "admin/crm/task.html"
    list_before_template = "admin/crm/task_list_head.html"
    list_display = (
        "what", "kind_shown", "whom", "status_shown", "due", "owner_shown", "next_shown", "made",
    )  # fmt: skip
    list_display_links = ("what",)
    list_select_related = ("owner", "account", "person")
    list_filter = (StateFilter, OwnerFilter, DueFilter, ("kind", ChoicesDropdownFilter), AccountFilter)
    show_facets = admin.ShowFacets.NEVER  # each would count the whole table
    search_fields = ("title",)
    search_help_text = "A piece of the title, which names the account"
    list_orders = {"due": Order("due_on", descends=False, nullable=True)}
    empty_title = "Nothing is to be done"
    empty_text = "What happens makes tasks by itself. Choose another state to see what was done or put off."

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("board/", view(self.board_page), name="crm_task_board"),
            path("renewals/", view(self.renewals_page), name="crm_task_renewals"),
            path("<int:pk>/move/", view(require_POST(self.move_view)), name="crm_task_move"),
            *super().get_urls(),
        ]

    def board_page(self, request: HttpRequest) -> HttpResponse:
        """Tasks in columns by status."""
        self._look(request)
        return board_view(request, may_move=request.user.has_perm(MANAGE))

    def renewals_page(self, request: HttpRequest) -> HttpResponse:
        """What is to be renewed soon."""
        self._look(request)
        return renewals_view(request)

    def move_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Put a task into another column."""
        row = self.row(request, pk)
        if not request.user.has_perm(MANAGE):
            raise PermissionDenied
        to = request.POST.get("to", "")
        if to not in MOVES:
            messages.error(request, "There is no such column.")
            return HttpResponseRedirect(back_of(request, row))
        try:
            task_move(task=row, to=TaskStatus(to), actor=actors.user(request.user), at=now())
        except Refusal as refusal:
            tell(request, refusal)
        else:
            messages.success(request, f"{row.title}: {MOVES[to].said}.")
        return HttpResponseRedirect(back_of(request, row))

    def _look(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    # --- the list ---------------------------------------------------------------------------------

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Task], search_term: str
    ) -> tuple[QuerySet[Task], bool]:
        return (tasks_like(queryset, search_term) if search_term.strip() else queryset), False

    @display(description="Task")
    def what(self, row: Task) -> SafeString:
        return format_html('<span class="sg-wrap">{}</span>', row.title)

    @display(description="About")
    def kind_shown(self, row: Task) -> SafeString:
        return kind_label(row)

    @display(description="Whom")
    def whom(self, row: Task) -> SafeString:
        return whom_label(row)

    @display(description="Status")
    def status_shown(self, row: Task) -> SafeString:
        return status_label(row)

    @display(description="Due", ordering="due_on")
    def due(self, row: Task) -> SafeString | str:
        return due_label(row, now().date())

    @display(description="Owner")
    def owner_shown(self, row: Task) -> str:
        return str(row.owner) if row.owner else "nobody"

    @display(description="Next action")
    def next_shown(self, row: Task) -> SafeString:
        return format_html('<span class="sg-wrap">{}</span>', row.next_action or "-")

    @display(description="Made")
    def made(self, row: Task) -> SafeString | str:
        return day(row.created_at)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request) and request.user.has_perm(MANAGE)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Write down something to do."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        prefilled = {name: request.GET.get(name, "")[:200] for name in ("account", "person")}
        form = TaskForm(posted(request), initial={"owner": request.user.pk, **prefilled})
        made = form.submit(
            request, lambda _: task_create(**form.values(), actor=actors.user(request.user), at=now())
        )
        if made is not None:
            messages.success(request, "The task is written down.")
            return HttpResponseRedirect(page_of(made))
        back = reverse("admin:crm_task_changelist")
        return form_page(request, form, title="New task", submit="Save", opts=Task._meta, back=back)

    # --- the page ---------------------------------------------------------------------------------

    def page_dialogs(self) -> Sequence[Dialog]:
        return DIALOGS

    def page_rows(self) -> QuerySet[Task]:
        return Task.objects.select_related("account", "owner", "person")

    def page_context(self, request: HttpRequest, row: Task) -> dict[str, Any]:
        return {
            "labels": [status_label(row), kind_label(row)],
            "facts": list(_facts(request, row)),
            "moves": moves_of(row) if request.user.has_perm(MANAGE) else (),
            "move_url": reverse("admin:crm_task_move", args=[row.pk]),
            "events": _events(row) if request.user.has_perm("history.view_event") else None,
        }


def _facts(request: HttpRequest, row: Task) -> list[tuple[str, Any]]:
    account: Any = row.account.name if row.account else "-"
    if row.account and request.user.has_perm("accounts.view_account"):
        account = link(row.account)
    person: Any = str(row.person) if row.person else "-"
    if row.person and request.user.has_perm("crm.view_person"):
        person = link(row.person)
    ended = [("Ended", f"{instant(row.ended_at)}, {_name(row.ended_by)}")] if row.ended_at else []
    return [
        ("Owner", str(row.owner) if row.owner else "nobody"),
        ("Due", due_label(row, now().date())),
        *([("Put off until", f"{row.snoozed_until:%Y-%m-%d}")] if row.snoozed_until else []),
        ("Next action", row.next_action or "-"),
        ("Account", account),
        ("Person", person),
        ("About", subject_link(request, row)),
        ("Reference", f"task:{row.uid}"),
        ("Made", f"{instant(row.created_at)}, {_name(row.created_by)}"),
        *ended,
    ]


def _name(actor: str) -> str:
    return names_of([actor])[actor] if actor else "-"


def _events(row: Task) -> list[tuple[str, str, str]]:
    """What people did to it, newest first."""
    found = list(Event.objects.filter(subject=f"task:{row.uid}").order_by("-id")[:EVENTS])
    names = names_of(event.actor for event in found)
    return [
        (f"{event.sentence} {event.details}".strip(), instant(event.at), names[event.actor])
        for event in found
    ]
