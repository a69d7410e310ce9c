"""A job in words: what it is, how it stands, and what its rows became."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from licenses.admin import display as show
from licenses.admin.preset_terms import terms_in_words
from licenses.models import Job, JobRow, Plan
from licenses.services.job_results import Outcome
from licenses.services.jobs import OPEN, STALE

STALLED = "stalled"
WORKED_ON = (*OPEN, Job.State.CHECKING)
# Longer than the sweep needs to find it: what is quiet for so long has no worker.
QUIET = STALE + timedelta(minutes=2)
TONES = {
    "checking": "info", "checked": "info", "waiting": "info", "running": "info", "done": "success", "failed": "danger",
    STALLED: "danger", "cancelled": "", "refused": "danger", "skipped": "",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Facts:
    """How a job stands at an instant. `counts` are its rows by state, with all of them under ""; `settled` of them
    need nothing more, or are judged when it is being checked.
    """

    state: str
    counts: dict[str, int]
    settled: int
    sentence: str
    order: list[tuple[str, str]]

    @property
    def is_open(self) -> bool:
        return self.state in {*WORKED_ON, STALLED}


def state_of(job: Job, at: datetime) -> str:
    """The job's state; `stalled` when it ought to be worked on and nobody was heard of for minutes."""
    quiet = job.beat_at is not None and at - job.beat_at > QUIET
    return STALLED if job.state in WORKED_ON and quiet else str(job.state)


def facts_of(job: Job, at: datetime) -> Facts:
    counted = dict(job.rows.order_by().values_list("state").annotate(Count("pk")))
    counts = {state.value: counted.get(state, 0) for state in JobRow.State}
    counts[""] = sum(counts.values())
    state = state_of(job, at)
    checking = job.state == Job.State.CHECKING
    settled = job.done if checking else counts[""] - counts["waiting"]
    return Facts(state, counts, settled, _sentence(job, state, counts), _order(job))


def said_of(job: Job) -> str:
    """What a job is, in a line."""
    file = job.order.get("file")
    return f"{job.get_kind_display().capitalize()}{f', {file}' if file else ''}"


def _sentence(job: Job, state: str, counts: dict[str, int]) -> str:
    bad = counts["refused"]
    if state == Job.State.CHECKING:
        made = "imported" if job.kind == Job.Kind.IMPORT else "made"
        return f"Every row is being checked. Nothing is {made} before you say so."
    if job.kind == Job.Kind.IMPORT and state == Job.State.CHECKED:
        summary = job.order.get("summary", {})
        said = f"{counts['waiting']:,} to import, {counts['skipped']:,} there already, {bad:,} with errors"
        opened = summary.get("accounts", 0)
        return f"{said}, {opened:,} new {'account' if opened == 1 else 'accounts'}."
    if state == Job.State.CHECKED:
        left = f"; {bad:,} {'row' if bad == 1 else 'rows'} with errors left out" if bad else ""
        return f"{counts['waiting']:,} {'license' if counts['waiting'] == 1 else 'licenses'} would be made{left}."
    if state == STALLED:
        return (
            f"Nobody worked on it since {show.instant(job.beat_at)}. Is a worker running? "
            "It goes on by itself as soon as there is one."
        )
    if state == Job.State.FAILED:
        return job.error
    done = "imported" if job.kind == Job.Kind.IMPORT else "made"
    rest = [f"{counts['skipped']:,} there already"] if counts["skipped"] else []
    rest += [f"{bad:,} refused"] if bad else []
    rest += [f"{counts['waiting']:,} not done"] if counts["waiting"] and state == Job.State.CANCELLED else []
    return ", ".join([f"{counts['done']:,} {done}", *rest]) + "."


def _order(job: Job) -> list[tuple[str, str]]:
    """What was asked for, for every row."""
    order = job.order
    if job.kind == Job.Kind.IMPORT:
        return [("Accounts that do not exist", "are opened" if order["create_accounts"] else "are errors")]
    plan = Plan.objects.select_related("product").filter(pk=order["plan"]).first()
    terms = {name: value for name, value in order["terms"].items() if value not in ("", False)}
    ends = [
        ("Starts", terms.get("starts_at")),
        ("Ends", terms.get("expires_at")),
        ("Comment", terms.get("comment")),
    ]
    return [
        ("Plan", f"{plan.product.name}, {plan.name}" if plan else "as each row says"),
        ("Kind", order["kind"] or "as the plan says"),
        ("Terms", terms_in_words(terms)),
        *[(name, value) for name, value in ends if value],
        *([("Internal", "yes")] if order["internal"] else []),
        ("Format", order["format"] or "the product's own"),
    ]


def progress_of(facts: Facts) -> dict[str, Any]:
    """For the bar: counts of the rows, and whether to ask again."""
    counts, settled = facts.counts, facts.settled
    return {
        "state": facts.state,
        "open": facts.is_open,
        "total": counts[""],
        "settled": settled,
        "done": counts["done"],
        "refused": counts["refused"],
        "percent": 100 * settled // counts[""] if counts[""] else 100,
        "sentence": facts.sentence,
    }


def row_cells(outcome: Outcome) -> list[Any]:
    """A row of the page's table. Everything in it that people typed is escaped."""
    row, cells = outcome.row, outcome.cells
    return [
        row.number,
        _account(outcome),
        ", ".join(f"{name} {text}" for name, text in cells.items() if name not in {"account", "account_name"})
        or "-",
        show.badge(row.state, TONES.get(row.state, "success" if row.state == JobRow.State.DONE else "")),
        _result(outcome),
    ]


def _account(outcome: Outcome) -> SafeString | str:
    if outcome.account is not None:
        return show.link(outcome.account)
    cells = outcome.cells
    return cells.get("account") or cells.get("account_name") or "-"


def _result(outcome: Outcome) -> SafeString | str:
    if outcome.license is not None:
        url = reverse("admin:licenses_license_change", args=[outcome.license.pk])
        return format_html(
            '<a href="{}" class="text-link">{}</a>', url, show.short_id(outcome.license.public_id)
        )
    return format_html_join(
        "",
        '<div class="sg-row-error">{}{}</div>',
        (
            (format_html("<strong>{}:</strong> ", error["field"]) if error["field"] else "", error["detail"])
            for error in outcome.row.errors
        ),
    )
