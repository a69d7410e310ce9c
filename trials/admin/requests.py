"""Requests for trials: the operator's queue (E21)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin import display
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter

from config.kit.admin import ReadOnlyAdmin
from config.kit.changelist import KeysetList
from config.kit.display import instant
from config.kit.filters import DaysFilter
from config.kit.forms import LinesField, ServiceForm, note, posted
from licenses.admin.people import names_of
from trials import selectors
from trials.admin.display import shape_in_words, state_label, touch_in_words
from trials.admin.filters import TOUCH_FILTERS
from trials.admin.page import DialogPage
from trials.admin.parts import Asked, Dialog, needs
from trials.models import TrialRequest
from trials.searching import requests_like
from trials.services.requesting import OPEN, request_approve, request_ask_more, request_deny
from trials.services.uses import cooldown_end

APPROVE = "trials.approve_trial"
LONGEST = 1000


class WordsForm(ServiceForm):
    """What the requester reads."""

    ALIASES = {"reason": "words"}
    WIDE = ("words",)

    words: LinesField


class DenyForm(WordsForm):
    words = note(
        "What the requester reads", max_length=LONGEST, required=True,
        help_text="It is mailed as you write it, below a sentence that declines.",
    )  # fmt: skip


class AskForm(WordsForm):
    words = note(
        "Your question", max_length=LONGEST, required=True,
        help_text="It is mailed as you write it. The answer comes by mail.",
    )  # fmt: skip


# --- the dialogs --------------------------------------------------------------------------------------


def _approval(asked: Asked) -> list[str]:
    row: TrialRequest = asked.row
    program = row.program
    account = selectors.account_of_request(row)
    running = selectors.running_trial(account, program, asked.at) if account else None
    if running is not None:
        return [f"{account} is in a trial already, until {instant(running.ends_at)}: no second one begins."]
    until = cooldown_end(row, account, asked.at)
    if until is not None:
        return [f"Whoever asks has had the trial: it cannot be granted before {instant(until)}."]
    ends = asked.at + timedelta(days=program.duration_days)
    whose = f"It belongs to the account {account}." if account else "A new prospect is added for it."
    return [
        f"A trial of {program.product.name} begins now and ends on {instant(ends)}.",
        whose,
        f"Its license is signed and mailed to {row.email}.",
    ]


def _approve(asked: Asked, _data: Mapping[str, Any]) -> str:
    granted = request_approve(request=asked.row, actor=asked.actor, at=asked.at)
    if not granted.created:
        return (
            f"Granted: {granted.trial.account} is in a trial already, until {instant(granted.trial.ends_at)}."
        )
    return f"Granted: the trial runs until {instant(granted.trial.ends_at)}."


def _deny(asked: Asked, data: Mapping[str, Any]) -> str:
    row = request_deny(request=asked.row, reason=data["words"], actor=asked.actor, at=asked.at)
    return f"Declined. Your words go to {row.email}."


def _ask(asked: Asked, data: Mapping[str, Any]) -> str:
    row = request_ask_more(request=asked.row, question=data["words"], actor=asked.actor, at=asked.at)
    return f"Your question goes to {row.email}."


def _is_open(row: TrialRequest) -> bool:
    return row.state in OPEN


DIALOGS = (
    Dialog(
        slug="approve", title="Approve", icon="check", order=10, allowed=needs(APPROVE), says=_approval,
        act=_approve, fits=_is_open,
    ),
    Dialog(
        slug="ask", title="Ask for more", icon="help", order=20, allowed=needs(APPROVE), act=_ask,
        form=lambda asked: AskForm(posted(asked.request)), fits=_is_open, submit="Send the question",
        says=lambda asked: [f"{asked.row.email} gets your question. The request stays open until you decide."],
    ),
    Dialog(
        slug="deny", title="Deny", icon="close", order=30, allowed=needs(APPROVE), act=_deny, danger=True,
        form=lambda asked: DenyForm(posted(asked.request)), fits=_is_open,
        says=lambda asked: [
            f"{asked.row.email} is told so by mail.",
            "This request cannot be granted afterwards; asking again is possible.",
        ],
    ),
)  # fmt: skip


# --- list and page ------------------------------------------------------------------------------------


@admin.register(TrialRequest)
class TrialRequestAdmin(DialogPage, KeysetList, ReadOnlyAdmin):
    page_template = "admin/signet/trial_request.html"
    list_display = ("email_shown", "company_shown", "program_name", "state_shown", "came_from", "asked_at")
    list_display_links = ("email_shown",)
    list_select_related = ("program",)
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("program", RelatedDropdownFilter),
        ("created_at", DaysFilter),
        *TOUCH_FILTERS,
    )
    show_facets = admin.ShowFacets.NEVER  # each would count the whole table
    search_fields = ("email",)
    search_help_text = "Address, company or name"
    empty_title = "Nobody asked for a trial yet"
    empty_text = (
        "Requests come from the trial page and the API. Those of programs with approval wait here for you."
    )

    def page_dialogs(self) -> Sequence[Dialog]:
        return DIALOGS

    def page_rows(self) -> QuerySet[TrialRequest]:
        return TrialRequest.objects.select_related("program__product", "program__plan", "account", "trial")

    def page_context(self, request: HttpRequest, row: TrialRequest) -> dict[str, Any]:
        sees_trial = request.user.has_perm("trials.view_trial")
        return {
            "state": state_label(row),
            "meaning": _meaning(row),
            "shape": shape_in_words(row.program),
            "answers": answers_of(row),
            "first_touch": touch_in_words(row.first_touch),
            "last_touch": touch_in_words(row.last_touch),
            "sees_trial": sees_trial,
            "sees_account": request.user.has_perm("accounts.view_account"),
            "decided_by": names_of([row.decided_by])[row.decided_by] if row.decided_by else "",
            "created_by": names_of([row.created_by])[row.created_by],
        }

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[TrialRequest], search_term: str
    ) -> tuple[QuerySet[TrialRequest], bool]:
        return (requests_like(queryset, search_term) if search_term.strip() else queryset), False

    @display(description="Address")
    def email_shown(self, row: TrialRequest) -> SafeString:
        return format_html('<span class="sg-wrap">{}</span>', row.email)

    @display(description="Company")
    def company_shown(self, row: TrialRequest) -> SafeString:
        return format_html('<span class="sg-wrap">{}</span>', row.company or row.domain or "-")

    @display(description="Program")
    def program_name(self, row: TrialRequest) -> str:
        return row.program.name

    @display(description="State")
    def state_shown(self, row: TrialRequest) -> SafeString:
        return state_label(row)

    @display(description="Came from")
    def came_from(self, row: TrialRequest) -> SafeString:
        return format_html('<span class="sg-wrap">{}</span>', touch_in_words(row.first_touch) or "-")

    @display(description="Asked")
    def asked_at(self, row: TrialRequest) -> SafeString:
        return format_html('<span class="whitespace-nowrap">{}</span>', instant(row.created_at))


def answers_of(row: TrialRequest) -> list[tuple[str, str]]:
    """Each question with its answer, in the program's order; what the program no longer asks comes last."""
    labels = {str(question["name"]): str(question["label"]) for question in row.program.fields}
    answers = dict(row.answers)
    asked = [(label, _said(answers.pop(name, None))) for name, label in labels.items()]
    return asked + [(str(name), _said(answer)) for name, answer in answers.items()]


def _said(answer: Any) -> str:
    if answer in (None, ""):
        return "not answered"
    return {True: "yes", False: "no"}[answer] if isinstance(answer, bool) else str(answer)


_MEANINGS = {
    TrialRequest.State.UNVERIFIED: "A code was mailed. The request goes on when it is typed.",
    TrialRequest.State.WAITING: "It waits for your word.",
    TrialRequest.State.MORE_ASKED: "A question was mailed. Decide when the answer is there.",
    TrialRequest.State.GRANTED: "The trial was given.",
    TrialRequest.State.DENIED: "It was declined.",
    TrialRequest.State.LAPSED: "The code was never typed.",
    TrialRequest.State.REFUSED: "Whoever asked has had the trial. A mail said when another is possible.",
}


def _meaning(row: TrialRequest) -> str:
    return _MEANINGS[TrialRequest.State(row.state)]
