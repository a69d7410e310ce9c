"""How people and tasks look."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from config.kit.display import label, page_of
from crm.domain.words import Consent, TaskKind, TaskStatus
from crm.models import Person, Task
from trials.admin.display import ENGAGEMENT_TONES
from trials.models import Trial

CAP_TONES = {"quiet": "info", "notice": "warning", "escalated": "danger"}
CONSENT_TONES = {Consent.GIVEN: "success", Consent.WITHDRAWN: "danger"}
STATUS_TONES = {TaskStatus.OPEN: "warning", TaskStatus.IN_PROGRESS: "info", TaskStatus.DONE: "success"}
KIND_TONES = {
    TaskKind.STUCK: "danger",
    TaskKind.PAYMENT_FAILED: "danger",
    TaskKind.EXPIRED: "danger",
    TaskKind.OVER_CAP: "warning",
    TaskKind.DORMANT: "warning",
    TaskKind.EVIDENCE_OVERDUE: "warning",
    TaskKind.PILOT_READY: "success",
    TaskKind.RENEWAL_DUE: "info",
}


def engagement_label(person: Person) -> SafeString | str:
    """How the newest trial fares; nothing without one."""
    if not person.engagement:
        return "-"
    words = {str(value): str(text) for value, text in Trial.Engagement.choices}
    tones: dict[str, str] = {str(value): tone for value, tone in ENGAGEMENT_TONES.items()}
    return label(words.get(person.engagement, person.engagement).lower(), tones.get(person.engagement, ""))


def cap_label(person: Person) -> SafeString | str:
    """How the installations stand to the node cap; nothing where none was seen."""
    return label(person.cap_state, CAP_TONES.get(person.cap_state, "success")) if person.cap_state else "-"


def consent_label(person: Person) -> SafeString:
    return label(f"consent {person.consent}", CONSENT_TONES.get(Consent(person.consent), ""))


def touch_words(parts: Sequence[str]) -> str:
    """Source, medium and campaign in a line."""
    return " / ".join(part for part in parts if part) or "-"


def status_label(task: Task) -> SafeString:
    return label(str(task.get_status_display()).lower(), STATUS_TONES.get(TaskStatus(task.status), ""))


def kind_label(task: Task) -> SafeString:
    return label(str(task.get_kind_display()).lower(), KIND_TONES.get(TaskKind(task.kind), ""))


def whom_label(task: Task) -> SafeString:
    """The person and the account that a task is about, with the way there: who may see tasks may see both."""
    known = [row for row in (task.person, task.account) if row is not None]
    if not known:
        return SafeString("-")
    links = format_html_join(
        ", ", '<a href="{}" class="text-link">{}</a>', ((page_of(row), str(row)) for row in known)
    )
    return format_html('<span class="sg-wrap">{}</span>', links)


def due_label(task: Task, today: date) -> SafeString | str:
    """When it is due; what is late, in red."""
    if task.due_on is None:
        return "-"
    if task.is_ongoing and task.due_on < today:
        return label(f"due {task.due_on:%Y-%m-%d}", "danger")
    return format_html('<span class="whitespace-nowrap">{}</span>', f"{task.due_on:%Y-%m-%d}")
