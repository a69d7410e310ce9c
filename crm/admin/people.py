"""People: the list, and the page of one with what is known, what is to do and what happened (D18, A20, A23)."""

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
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter, RelatedDropdownFilter

from config.kit import actors
from config.kit.admin import ReadOnlyAdmin
from config.kit.changelist import KeysetList
from config.kit.clock import now
from config.kit.display import day, instant, link, page_of
from config.kit.forms import posted
from config.kit.keyset import Order
from config.kit.pages import form_page
from crm.admin import notes
from crm.admin.display import (
    cap_label,
    consent_label,
    due_label,
    engagement_label,
    status_label,
    touch_words,
)
from crm.admin.filters import FirstSourceFilter, MergedFilter
from crm.admin.forms import PersonForm
from crm.admin.guard import SectionGuard
from crm.admin.person_dialogs import DIALOGS, MANAGE
from crm.models import Person, Task
from crm.searching import people_like
from crm.services.people import person_create
from crm.timeline import page_read, person_beside, person_events, person_notes
from licenses.admin.filters import AccountFilter
from licenses.admin.people import staff
from trials.admin.page import DialogPage
from trials.admin.parts import Dialog

TASKS = 20
LAST_PAGE = 10_000
ENGAGEMENTS = (
    "requested", "stuck", "active", "dormant", "pilot_ready", "converted", "lost", "expired",
)  # fmt: skip


class EngagementFilter(DropdownFilter):  # type: ignore[misc] # unfold ships no types
    title = parameter_name = "engagement"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name.replace("_", "-")) for name in ENGAGEMENTS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Person]) -> QuerySet[Person]:
        return queryset.filter(engagement=self.value()) if self.value() in ENGAGEMENTS else queryset


class CapFilter(DropdownFilter):  # type: ignore[misc] # unfold ships no types
    title, parameter_name = "node cap", "cap"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in ("within", "quiet", "notice", "escalated")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Person]) -> QuerySet[Person]:
        return queryset.filter(cap_state=self.value()) if self.value() else queryset


@admin.register(Person)
class PersonAdmin(SectionGuard, DialogPage, KeysetList, ReadOnlyAdmin):
    page_template = "admin/crm/person.html"
    list_display = (
        "who", "address", "account_shown", "engagement_shown", "last_seen", "cap_shown", "owner_shown", "came_from",
    )  # fmt: skip
    list_display_links = ("who",)
    list_select_related = ("account", "owner")
    list_filter = (
        EngagementFilter,
        CapFilter,
        ("consent", ChoicesDropdownFilter),
        ("origin", ChoicesDropdownFilter),
        ("owner", RelatedDropdownFilter),
        FirstSourceFilter,
        AccountFilter,
        MergedFilter,
    )
    show_facets = admin.ShowFacets.NEVER  # each would count the whole table
    search_fields = ("email",)
    search_help_text = "Name, address, company or account"
    list_orders = {
        "who": Order("name", descends=False),
        "last_seen": Order("last_seen_at", descends=False, nullable=True),
    }
    empty_title = "Nobody is known yet"
    empty_text = "Whoever asks for a trial, buys, or is named by an account stands here by itself."

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path(
                "<int:object_id>/notes/<int:pk>/edit/", view(self.note_edit_view), name="crm_person_note_edit"
            ),
            path(
                "<int:object_id>/notes/<int:pk>/delete/",
                view(self.note_delete_view),
                name="crm_person_note_delete",
            ),
            *super().get_urls(),
        ]

    def note_edit_view(self, request: HttpRequest, object_id: int, pk: int) -> HttpResponse:
        """Change one's own note."""
        return notes.edit_view(request, self.row(request, object_id), pk)

    def note_delete_view(self, request: HttpRequest, object_id: int, pk: int) -> HttpResponse:
        """Delete one's own note."""
        return notes.delete_view(request, self.row(request, object_id), pk)

    # --- the list ---------------------------------------------------------------------------------

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Person], search_term: str
    ) -> tuple[QuerySet[Person], bool]:
        return (people_like(queryset, search_term) if search_term.strip() else queryset), False

    @display(description="Person", ordering="name")
    def who(self, row: Person) -> SafeString:
        return format_html('<span class="sg-wrap">{}</span>', str(row))

    @display(description="Address")
    def address(self, row: Person) -> SafeString:
        return format_html('<span class="sg-wrap">{}</span>', row.email or "-")

    @display(description="Account")
    def account_shown(self, row: Person) -> SafeString:
        name = row.account.name if row.account else row.company
        return format_html('<span class="sg-wrap">{}</span>', name or "-")

    @display(description="Engagement")
    def engagement_shown(self, row: Person) -> SafeString | str:
        return engagement_label(row)

    @display(description="Last seen", ordering="last_seen_at")
    def last_seen(self, row: Person) -> SafeString | str:
        return day(row.last_seen_at)

    @display(description="Node cap")
    def cap_shown(self, row: Person) -> SafeString | str:
        return cap_label(row)

    @display(description="Owner")
    def owner_shown(self, row: Person) -> str:
        return str(row.owner) if row.owner else "-"

    @display(description="Came from")
    def came_from(self, row: Person) -> SafeString:
        return format_html('<span class="sg-wrap">{}</span>', row.first_source or "-")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request) and request.user.has_perm(MANAGE)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Write down somebody whom nothing that happened made known."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = PersonForm(posted(request))
        made = form.submit(
            request,
            lambda _: person_create(**form.changes(), actor=actors.user(request.user), at=now()),
        )
        if made is not None:
            messages.success(request, f"{made} is written down.")
            return HttpResponseRedirect(page_of(made))
        back = reverse("admin:crm_person_changelist")
        return form_page(request, form, title="New person", submit="Save", opts=Person._meta, back=back)

    # --- the page ---------------------------------------------------------------------------------

    def page_dialogs(self) -> Sequence[Dialog]:
        return DIALOGS

    def page_rows(self) -> QuerySet[Person]:
        return Person.objects.select_related("account__owner", "owner", "merged_into")

    def page_context(self, request: HttpRequest, row: Person) -> dict[str, Any]:
        number = _page_number(request)
        sees_events = request.user.has_perm("history.view_event")
        events = person_events(row) if sees_events else None
        page = page_read(events, person_notes(row), person_beside(row, request.user), number)
        url = page_of(row)
        return {
            "labels": [consent_label(row)],
            "particulars": _particulars(request, row),
            "deployments": _deployments(row),
            "came": _came(row),
            "touches": _touches(row),
            "licenses": _licenses(request, row),
            "tasks": _tasks(request, row),
            "task_url": f"{reverse('admin:crm_task_changelist')}?state=all&q=",
            "page": page,
            "newer": f"{url}?page={number - 1}" if number > 1 else "",
            "older": f"{url}?page={number + 1}" if page.has_older else "",
            "sees_events": sees_events,
            "author": staff(request).pk,
            "may_write": request.user.has_perm(MANAGE),
        }


def _page_number(request: HttpRequest) -> int:
    text = request.GET.get("page", "")
    return min(max(int(text), 1), LAST_PAGE) if text.isdecimal() and len(text) < 6 else 1  # noqa: PLR2004 - digits of LAST_PAGE


def _particulars(request: HttpRequest, row: Person) -> list[tuple[str, Any]]:
    addresses = [
        email for email in row.emails.order_by("pk").values_list("email", flat=True) if email != row.email
    ]
    account: Any = row.account.name if row.account else "-"
    if row.account and request.user.has_perm("accounts.view_account"):
        account = link(row.account)
    owner = row.owner or (row.account.owner if row.account else None)
    return [
        ("E-mail", row.email or "-"),
        *([("Also known as", ", ".join(addresses))] if addresses else []),
        ("Company", row.company or "-"),
        ("Job title", row.job_title or "-"),
        ("Phone", row.phone or "-"),
        ("Account", account),
        ("Owner", str(owner) if owner else "nobody"),
        ("Known by", str(row.get_origin_display()).lower()),
        ("Known since", day(row.created_at)),
    ]


def _deployments(row: Person) -> list[tuple[str, Any]]:
    """A20, as the last change left it."""
    return [
        ("Engagement", engagement_label(row)),
        ("Last seen", instant(row.last_seen_at, none="never")),
        ("Version", row.version or "-"),
        ("System", row.operating_system or "-"),
        ("Nodes", "-" if row.nodes is None else f"{row.nodes:,}"),
        ("Node cap", cap_label(row)),
    ]


def _came(row: Person) -> list[tuple[str, Any]]:
    """A23."""
    first = touch_words((row.first_source, row.first_medium, row.first_campaign))
    last = touch_words((row.last_source, row.last_medium, row.last_campaign))
    return [
        ("First", first),
        ("On", day(row.first_touch_at)),
        ("Last", last),
        ("On", day(row.last_touch_at)),
    ]


def _touches(row: Person) -> list[tuple[str, Any]]:
    """A23: every entry from a campaign, the newest first."""
    found = row.touchpoints.order_by("-at", "-pk")[:TASKS]
    return [(touch_words((one.source, one.medium, one.campaign)), instant(one.at)) for one in found]


def _licenses(request: HttpRequest, row: Person) -> list[tuple[Any, str]]:
    rows = row.licenses.select_related("license__product", "license__plan").order_by("-pk")[:TASKS]
    sees = request.user.has_perm("licenses.view_license")
    return [
        (link(each.license, f"L-…{each.license.public_id[-8:]}") if sees else each.license.public_id,
         f"{each.license.product.name} {each.license.plan.name}")
        for each in rows
    ]  # fmt: skip


def _tasks(request: HttpRequest, row: Person) -> list[tuple[Task, Any, Any, str]] | None:
    """The newest tasks about the person; None for who may not see tasks."""
    if not request.user.has_perm("crm.view_task"):
        return None
    today = now().date()
    found = row.tasks.select_related("owner").order_by("-pk")[:TASKS]
    return [(task, status_label(task), due_label(task, today), page_of(task)) for task in found]
