"""Trials: the list, and the page of one (A19)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.contrib.admin import display
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter, RelatedDropdownFilter

from config.kit.admin import ReadOnlyAdmin
from config.kit.changelist import KeysetList
from config.kit.clock import now
from config.kit.display import day, instant
from config.kit.filters import DaysFilter
from history.domain.kinds import Kind
from history.models import Event
from licenses.admin.people import names_of
from trials import selectors
from trials.admin import trial_actions as trial_actions  # noqa: PLC0414 - its dialogs register themselves
from trials.admin.board import board_view
from trials.admin.display import (
    ATTENTION_MEANS,
    MEANS,
    Engagement,
    ago,
    attention_label,
    engagement_label,
    left_label,
    touch_in_words,
)
from trials.admin.filters import TOUCH_FILTERS, StageFilter
from trials.admin.funnel import funnel_path
from trials.admin.page import DialogPage
from trials.admin.parts import Dialog, dialogs, sections
from trials.models import Trial
from trials.searching import trials_like

EVENTS = 50


class RunningFilter(DropdownFilter):  # type: ignore[misc] # unfold ships no types
    title = "running"
    parameter_name = "running"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Running"), ("no", "Ended")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Trial]) -> QuerySet[Trial]:
        if self.value() not in ("yes", "no"):
            return queryset
        return queryset.filter(ended_at__isnull=self.value() == "yes")


@admin.register(Trial)
class TrialAdmin(DialogPage, KeysetList, ReadOnlyAdmin):
    page_template = "admin/signet/trial.html"
    list_display = ("who", "account_shown", "program_name", "engagement_shown", "left", "started", "ends")
    list_display_links = ("who",)
    list_select_related = ("program", "account")
    list_filter = (
        ("engagement", ChoicesDropdownFilter),
        ("attention", ChoicesDropdownFilter),
        ("program", RelatedDropdownFilter),
        ("outcome", ChoicesDropdownFilter),
        RunningFilter,
        StageFilter,
        ("started_at", DaysFilter),
        ("ends_at", DaysFilter),
        *TOUCH_FILTERS,
    )
    show_facets = admin.ShowFacets.NEVER  # each would count the whole table
    search_fields = ("email",)
    search_help_text = "Address, name or account"
    empty_title = "No trial runs yet"
    empty_text = "Set up a program: whoever asks for its trial stands here, with how it goes."

    def get_urls(self) -> list[URLPattern]:
        own = path("board/", self.admin_site.admin_view(self.board_page), name="trials_trial_board")
        return [own, funnel_path(self), *super().get_urls()]

    def board_page(self, request: HttpRequest) -> HttpResponse:
        """Running trials in columns."""
        return board_view(self, request)

    # --- list -------------------------------------------------------------------------------------

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Trial], search_term: str
    ) -> tuple[QuerySet[Trial], bool]:
        return (trials_like(queryset, search_term) if search_term.strip() else queryset), False

    @display(description="Who")
    def who(self, row: Trial) -> SafeString:
        return format_html('<span class="sg-wrap" title="{}">{}</span>', row.name, row.email)

    @display(description="Account")
    def account_shown(self, row: Trial) -> SafeString:
        return format_html('<span class="sg-wrap">{}</span>', row.account.name)

    @display(description="Program")
    def program_name(self, row: Trial) -> str:
        return row.program.name

    @display(description="Engagement")
    def engagement_shown(self, row: Trial) -> SafeString:
        labels = SafeString(f"{engagement_label(row)}{attention_label(row)}")
        return format_html('<div class="sg-states">{}</div>', labels)

    @display(description="Left")
    def left(self, row: Trial) -> SafeString:
        return left_label(row, now())

    @display(description="Started")
    def started(self, row: Trial) -> SafeString | str:
        return day(row.started_at)

    @display(description="Ends")
    def ends(self, row: Trial) -> SafeString | str:
        return day(row.ended_at or row.ends_at)

    # --- page -------------------------------------------------------------------------------------

    def page_dialogs(self) -> Sequence[Dialog]:
        return dialogs()

    def page_title(self, row: Trial) -> str:
        return f"Trial of {row.account.name}"

    def page_rows(self) -> QuerySet[Trial]:
        return Trial.objects.select_related(
            "program__product", "account", "license__account", "license__product", "license__plan",
            "converted_by", "owner",
        )  # fmt: skip

    def page_context(self, request: HttpRequest, row: Trial) -> dict[str, Any]:
        at = now()
        facts = selectors.facts_of([row], at)[row.pk]
        return {
            "engagement": engagement_label(row),
            "left": left_label(row, at),
            "meaning": MEANS[Engagement(row.engagement)],
            "attention": attention_label(row),
            "attention_means": ATTENTION_MEANS[Trial.Attention(row.attention)] if row.attention else "",
            "last_beat": _beat(facts.last_beat_at, at),
            "first_touch": touch_in_words(row.first_touch),
            "last_touch": touch_in_words(row.last_touch),
            "sees_license": request.user.has_perm("licenses.view_license"),
            "sees_account": request.user.has_perm("accounts.view_account"),
            "asked": row.requests.order_by("-id").first(),
            "sees_requests": request.user.has_perm("trials.view_trialrequest"),
            "events": _events(row) if request.user.has_perm("history.view_event") else None,
            "sections": [
                (section, section.content(request, row, at))
                for section in sections()
                if section.allowed(request)
            ],
        }


def _beat(then: Any, at: Any) -> str:
    return "none yet" if then is None else f"{ago(then, at)}, {instant(then)}"


def _events(row: Trial) -> list[dict[str, Any]]:
    """The newest events of a trial, with who did it."""
    found = list(Event.objects.filter(subject=f"trial:{row.uid}").order_by("-id")[:EVENTS])
    names = names_of(event.actor for event in found)
    return [{"what": _sentence(event), "by": names[event.actor], "at": instant(event.at)} for event in found]


def _sentence(event: Event) -> str:
    if event.kind == Kind.TRIAL_ATTENTION:
        attention = dict(Trial.Attention.choices).get(str(event.data.get("to")), "")
        return f"Waits for somebody: {attention}." if attention else "No longer waits for anybody."
    words = {str(value): str(label).lower() for value, label in Trial.Engagement.choices}
    before, after = (words.get(str(event.data.get(name)), "") for name in ("from", "to"))
    return f"From {before} to {after}." if before and after else event.sentence or event.kind
