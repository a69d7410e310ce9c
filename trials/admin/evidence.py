"""Evidence in the admin: a trial's path through the stages, the lists over all trials, and the exports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.contrib.admin import display
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter

from config.kit import actors
from config.kit.admin import ReadOnlyAdmin
from config.kit.changelist import KeysetList
from config.kit.clock import now
from config.kit.display import instant, label
from history.domain.kinds import Kind
from history.models import Event
from licenses.admin.people import names_of
from trials.admin.evidence_actions import APPROVE, DIALOGS, OF_PACKAGE, OF_TRIAL
from trials.admin.evidence_pages import board_page, inbox_page, silent_page
from trials.admin.page import DialogPage
from trials.admin.parts import Dialog
from trials.admin.references import references_shown
from trials.domain.evidence.gates import Blocker
from trials.domain.evidence.stages import STAGES
from trials.domain.evidence.words import StageName
from trials.evidence_export import evidence_export, export_file
from trials.evidence_lists import Standing, standing_as
from trials.evidence_path import Step, checks_of, path_of, writers_of
from trials.models import EvaluatorNotification, EvidencePackage, GraceApproval, Handoff, Trial

OWN = "You wrote in this version: somebody else decides on it."
EVENTS = 50
DIALOG_OF = {
    "package": "edit", "handoffs": "handoff", "notification": "notify", "grace": "grace", "conversion": "open",
}  # fmt: skip
TONES = {"blocked": "danger", "waits for an approver": "warning", "rejected": "danger", "approved": "success"}


@dataclass(frozen=True, slots=True)
class Missing:
    """A blocker, and where it is cleared."""

    blocker: Blocker
    url: str
    dialog: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """A step as the page shows it."""

    step: Step
    state: SafeString
    missing: list[Missing]
    members: list[tuple[str, SafeString | str]]
    handoffs: list[tuple[Handoff, SafeString | str, SafeString | str]]
    notifications: list[tuple[EvaluatorNotification, SafeString | str]]
    decisions: list[tuple[str, str]]
    buttons: list[tuple[Dialog, str]]
    note: str


class StandingFilter(DropdownFilter):  # type: ignore[misc] # unfold ships no types
    """Where a package stands: what the numbers of the readiness board lead to."""

    title = "standing"
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(standing.value, standing.value.capitalize()) for standing in Standing]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in set(Standing):
            return queryset
        return standing_as(queryset, Standing(self.value()), now())


def standing_word(step: Step) -> str:
    """In which of four ways a package stands."""
    if step.evaluation is None:
        return "not begun"
    if step.evaluation.blockers:
        return "blocked"
    if step.approved:
        return "approved"
    return "rejected" if step.decisions else "waits for an approver"


@admin.register(EvidencePackage)
class EvidencePackageAdmin(DialogPage, KeysetList, ReadOnlyAdmin):
    page_template = "admin/signet/evidence.html"
    list_display = ("stage_shown", "account_shown", "version_shown", "state_shown", "author_shown", "changed")
    list_display_links = ("stage_shown",)
    list_select_related = ("trial__account",)
    list_filter = (("stage", ChoicesDropdownFilter), ("state", ChoicesDropdownFilter), StandingFilter)
    show_facets = admin.ShowFacets.NEVER  # each would count the whole table
    search_fields = ("trial__account__name",)
    search_help_text = "Account"
    empty_title = "No evidence yet"
    empty_text = "A trial past its end gets its packages by the daily job, or by the button on its page."

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path(f"{slug}/", view(self._looked_at(page)), name=f"trials_evidencepackage_{slug}")
            for slug, page in (("board", board_page), ("inbox", inbox_page), ("silent", silent_page))
        ]
        export = path(
            "<path:object_id>/export/", view(self.export_view), name="trials_evidencepackage_export"
        )
        return [*own, export, *super().get_urls()]

    def _looked_at(self, page: Any) -> Any:
        def view(request: HttpRequest) -> HttpResponse:
            if not self.has_view_permission(request):
                raise PermissionDenied
            answer: HttpResponse = require_safe(page)(request, self)
            return answer

        return view

    # --- list -------------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[EvidencePackage]:
        rows: QuerySet[EvidencePackage] = super().get_queryset(request)
        return rows.filter(latest=True)

    @display(description="Stage")
    def stage_shown(self, row: EvidencePackage) -> str:
        return STAGES[StageName(row.stage)].title

    @display(description="Account")
    def account_shown(self, row: EvidencePackage) -> SafeString:
        return format_html('<span class="sg-wrap">{}</span>', row.trial.account.name)

    @display(description="Version")
    def version_shown(self, row: EvidencePackage) -> int:
        return row.version

    @display(description="State")
    def state_shown(self, row: EvidencePackage) -> SafeString:
        number = len(row.blockers)
        return label(f"blocked ({number})", "danger") if number else label("ready", "success")

    @display(description="Written by")
    def author_shown(self, row: EvidencePackage) -> str:
        return names_of([row.author])[row.author]

    @display(description="Changed")
    def changed(self, row: EvidencePackage) -> str:
        return instant(row.changed_at)

    # --- page -------------------------------------------------------------------------------------

    def page_dialogs(self) -> Sequence[Dialog]:
        return DIALOGS

    def page_title(self, row: EvidencePackage) -> str:
        return f"Evidence of {row.trial.account.name}"

    def page_rows(self) -> QuerySet[EvidencePackage]:
        return EvidencePackage.objects.select_related(
            "trial__account", "trial__program", "trial__license__account", "trial__license__product"
        )

    def buttons(
        self, request: HttpRequest, row: EvidencePackage, *, on_card: bool = False
    ) -> list[tuple[Dialog, str]]:
        """Nobody is offered to decide on what they wrote (B19)."""
        found = super().buttons(request, row, on_card=on_card)
        if any(dialog.slug == "decide" for dialog, _ in found) and self.wrote(request, row):
            return [(dialog, url) for dialog, url in found if dialog.slug != "decide"]
        return found

    def wrote(self, request: HttpRequest, row: EvidencePackage) -> bool:
        return actors.user(request.user) in writers_of(row)

    def page_context(self, request: HttpRequest, row: EvidencePackage) -> dict[str, Any]:
        trial = row.trial
        steps = path_of(trial)
        checks, graces = checks_of(trial), list(GraceApproval.objects.filter(trial=trial))
        known = names_of([*_people(steps), *(c.actor for c in checks), *(g.approver for g in graces)])
        of_trial = {dialog.slug for dialog in OF_TRIAL}
        return {
            "trial": trial,
            "steps": [self._shown(request, step, steps, known) for step in steps],
            "checks": [(check, known[check.actor]) for check in checks],
            "graces": [(grace, known[grace.approver]) for grace in graces],
            "buttons": [pair for pair in self.buttons(request, row) if pair[0].slug in of_trial],
            "old": row if not row.latest else None,
            "events": _events(trial, steps) if request.user.has_perm("history.view_event") else None,
        }

    def _shown(self, request: HttpRequest, step: Step, steps: list[Step], known: dict[str, str]) -> Shown:
        word = standing_word(step)
        badge = label(word, TONES.get(word, ""))
        if step.row is None or step.evaluation is None:
            return Shown(step, badge, [], [], [], [], [], [], "")
        row = step.row
        slugs = {dialog.slug for dialog in OF_PACKAGE}
        offered = self.buttons(request, row)
        buttons = [pair for pair in offered if pair[0].slug in slugs]
        pages = {dialog.slug: url for dialog, url in offered}
        shown = references_shown(request, _references(step))
        note = ""
        if word in ("waits for an approver", "rejected") and "decide" not in pages:
            approves = request.user.has_perm(APPROVE)
            note = OWN if approves else "An evidence approver decides on it."
        return Shown(
            step, badge, [_missing(blocker, step, pages) for blocker in step.evaluation.blockers],
            [
                (field.label, shown.get(text, text))
                for field in step.stage.fields
                if (text := row.values.get(field.name))
            ],
            [(handoff, shown[handoff.next_action_ref], shown[handoff.tracking_ref]) for handoff in step.handoffs],
            [(told, shown[told.tracking_ref]) for told in step.notifications],
            [
                (_decided(decision.approved, decision.by, known[decision.approver]), _when(decision))
                for decision in step.decisions
            ],
            buttons, note,
        )  # fmt: skip

    def export_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The public-safe document as a file."""
        row = self.row(request, object_id)
        return require_safe(self._export)(request, row)

    def _export(self, request: HttpRequest, row: EvidencePackage) -> HttpResponse:
        document = evidence_export(trial=row.trial, actor=actors.user(request.user), at=now())
        markdown = request.GET.get("format") == "markdown"
        return export_file(document, markdown=markdown, name=f"evidence-{row.trial.uid}")


def _references(step: Step) -> set[str]:
    found = set(step.row.values.values()) if step.row is not None else set()
    for handoff in step.handoffs:
        found |= {handoff.next_action_ref, handoff.tracking_ref}
    return found | {told.tracking_ref for told in step.notifications}


def _people(steps: list[Step]) -> list[str]:
    found = [step.row.author for step in steps if step.row is not None]
    return found + [decision.approver for step in steps for decision in step.decisions]


def _decided(yes: bool, by: str, who: str) -> str:  # noqa: FBT001 - a word of the sentence
    word = "Approved" if yes else "Rejected"
    policy = who.removeprefix("policy:")
    return f"{word} by the policy {policy}: nobody looked" if by == "policy" else f"{word} by {who}"


def _when(decision: Any) -> str:
    said = instant(decision.decided_at)
    return f"{said}: {decision.comment}" if decision.comment else said


def _missing(blocker: Blocker, step: Step, pages: dict[str, str]) -> Missing:
    """Where a blocker is cleared: a dialog for who may open it, otherwise the part of the page."""
    dialog = DIALOG_OF.get(blocker.where, "")
    if dialog in pages:
        return Missing(blocker, pages[dialog], dialog=True)
    before = step.before or (step.stage.after[0] if step.stage.after else step.stage.name)
    parts = {
        "predecessor": f"#stage-{before}",
        "approval": f"#stage-{before}",
        "conversion": f"#stage-{StageName.CONVERSION}",
        "checks": "#checks",
    }
    return Missing(blocker, parts.get(blocker.where, f"#stage-{step.stage.name}"), dialog=False)


def _events(trial: Trial, steps: list[Step]) -> list[dict[str, str]]:
    rows = [step.row for step in steps if step.row is not None]
    rows += [old for step in steps for old in step.earlier]
    subjects = {f"evidence:{row.uid}": STAGES[StageName(row.stage)].title for row in rows}
    late = Q(subject=f"trial:{trial.uid}", kind=Kind.EVIDENCE_OVERDUE)
    found = list(Event.objects.filter(Q(subject__in=subjects) | late).order_by("-id")[:EVENTS])
    names = names_of(event.actor for event in found)
    return [
        {
            "what": ": ".join(filter(None, (subjects.get(event.subject), event.sentence or event.kind))),
            "by": names[event.actor],
            "at": instant(event.at),
            "url": reverse("admin:history_event_change", args=[event.pk]),
        }
        for event in found
    ]
