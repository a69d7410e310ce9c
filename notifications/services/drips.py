"""Trial mail: the course of a trial by steps that staff edit, each at most once (A25)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from config.kit.errors import Refusal
from config.kit.locks import referable
from licenses.domain.enums import LicenseStatus
from licenses.models import Issuance
from licenses.services.artifacts import artifact_filename, artifact_text
from notifications.domain.drips import Anchor, Condition, Course, Decision, Step, Verdict, decide
from notifications.errors import NothingToSend
from notifications.models import DripEntry, DripStep, Message, Stream, Suppression
from notifications.parts import Attachment
from notifications.services.messages import message_queue
from notifications.trial_content import limits_said, trial_context
from trials.models import Trial

SOUGHT = 10_000
"""Trials that are sought at once: each search looks at every trial within some step's window."""
# Hours of the day can move a step by less than a day.
SHIFT = timedelta(days=1)
ACTOR = "system:drips"
WELCOME = "trial_welcome"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DripRun:
    """What a run did."""

    sent: int
    skipped: int
    failed: int


def drip_run(*, at: datetime, limit: int = 100_000) -> DripRun:
    """Send and skip what is due at an instant, trial by trial; one that fails does not stop the others.

    Safe to run twice, late or in parallel: each trial is decided under its lock, and the entry of a step is
    unique. Constant memory: the keys of ten thousand trials, and one trial at a time.
    """
    sent = skipped = failed = seen = 0
    courses = Courses()
    candidates = _candidates(courses, at)
    after = 0
    while candidates is not None and seen < limit:
        due = candidates.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)
        ids = list(due[: min(SOUGHT, limit - seen)])
        if not ids:
            break
        after, seen = ids[-1], seen + len(ids)
        for pk in ids:
            try:
                entries = drip_trial(trial_id=pk, courses=courses, at=at)
            except Refusal as refusal:
                log.warning("drip_failed", trial=pk, code=refusal.code)
                failed += 1
                continue
            sent += sum(entry.state == DripEntry.State.SENT for entry in entries)
            skipped += sum(entry.state == DripEntry.State.SKIPPED for entry in entries)
    return DripRun(sent, skipped, failed)


class Courses:
    """The steps that staff set, by program; read once a run."""

    def __init__(self) -> None:
        self.rows = list(DripStep.objects.filter(enabled=True))
        own = {row.program_id for row in self.rows if row.program_id}
        self._own = own

    def of(self, program_id: int) -> list[DripStep]:
        """A program's own steps, or those of everybody."""
        wanted = program_id if program_id in self._own else None
        return [row for row in self.rows if row.program_id == wanted]


def step_of(row: DripStep) -> Step:
    return Step(
        slug=row.slug,
        anchor=Anchor(row.anchor),
        offset=timedelta(hours=row.offset_hours),
        window=timedelta(hours=row.window_hours),
        condition=Condition(row.condition),
        hour_from=row.hour_from,
        hour_to=row.hour_to,
        zone=ZoneInfo(row.zone),
        vital=row.stream == Stream.TRANSACTIONAL,
    )


def _candidates(courses: Courses, at: datetime) -> Any:
    """Trials for which some step is within its window, by the indexes of the anchors; None without steps."""
    column = {Anchor.STARTED: "started_at", Anchor.MIDDLE: "middle_at", Anchor.ENDS: "ends_at"}
    wanted = Q()
    for row in courses.rows:
        step = step_of(row)
        name = column[step.anchor]
        done = DripEntry.objects.filter(trial=OuterRef("pk"), step=step.slug)
        span = {f"{name}__lte": at - step.offset, f"{name}__gt": at - step.offset - step.window - SHIFT}
        of_program = {"program": row.program_id} if row.program_id else {}
        wanted |= Q(~Exists(done), **span, **of_program)
    if not courses.rows:
        return None
    return Trial.objects.filter(wanted).filter(Q(outcome="") | Q(outcome=Trial.Outcome.EXPIRED))


def drip_trial(*, trial_id: int, courses: Courses | None = None, at: datetime) -> list[DripEntry]:
    """Decide every step of one trial; write what became of those that are due. Raises what mailing raises."""
    courses = courses or Courses()
    with transaction.atomic():
        trial = _locked(trial_id)
        rows = {row.slug: row for row in courses.of(trial.program_id)}
        entries = []
        for decision in drip_decisions(trial, rows.values(), at):
            if decision.verdict is Verdict.WAIT:
                continue
            message = _send(trial, rows[decision.step.slug], at) if decision.verdict is Verdict.SEND else None
            entries.append(_entry(trial, decision, message, at))
    return entries


def drip_decisions(trial: Trial, rows: Iterable[DripStep], at: datetime) -> list[Decision]:
    """What becomes of every step that has no entry yet; also the preview of what comes next."""
    done = set(DripEntry.objects.filter(trial=trial).values_list("step", flat=True))
    return list(decide([step_of(row) for row in rows], course_of(trial), done, at))


def course_of(trial: Trial) -> Course:
    """The facts that steps are judged by."""
    return Course(
        started_at=trial.started_at,
        middle_at=trial.middle_at,
        ends_at=trial.ends_at,
        outcome=trial.outcome,
        engagement=trial.engagement,
        heard=trial.first_beat_at is not None,
        silenced=is_silenced(trial.email),
    )


def is_silenced(address: str) -> bool:
    """Did the address unsubscribe from trial mail, or is it not to be written to at all?"""
    rows = Suppression.objects.filter(address=address.strip().lower(), lifted_at=None)
    return rows.filter(stream__in=["", Stream.TRIAL]).exists()


def _locked(trial_id: int) -> Trial:
    rows = Trial.objects.select_related("program", "account", "license__product", "license__account")
    return referable(rows.filter(pk=trial_id)).get()


def _entry(trial: Trial, decision: Decision, message: Message | None, at: datetime) -> DripEntry:
    return DripEntry.objects.create(
        trial=trial,
        step=decision.step.slug,
        state=DripEntry.State.SENT if message else DripEntry.State.SKIPPED,
        reason=decision.reason,
        message=message,
        at=at,
    )


def _send(trial: Trial, row: DripStep, at: datetime) -> Message:
    if row.template == WELCOME:
        return license_mail(trial=trial, dedupe_key=f"drip:{trial.uid}:{row.slug}", actor=ACTOR, at=at)
    return message_queue(
        template=row.template,
        to=trial.email,
        context=trial_context(trial, at=at),
        stream=Stream(row.stream),
        dedupe_key=f"drip:{trial.uid}:{row.slug}",
        account=trial.account,
        license=trial.license,
        actor=ACTOR,
        at=at,
    )


def license_mail(
    *,
    trial: Trial,
    to: str = "",
    changed: Mapping[str, Any] | None = None,
    dedupe_key: str,
    actor: str,
    at: datetime,
) -> Message:
    """The license of a trial, in the text and as a file; `to` defaults to who asked for the trial.

    Raises ArtifactNotKept when no text was kept. Call inside a transaction.
    """
    issuance = newest_issuance(trial)
    text = artifact_text(issuance=issuance, actor=actor, at=at)
    filename = f"{artifact_filename(issuance).rpartition('.')[0]}.lic"
    context = {
        **trial_context(trial, at=at),
        "key": text.strip(),
        "filename": filename,
        "limits": limits_said(trial.license),
        "again": False,
        "extended": False,
        **(changed or {}),
    }
    return message_queue(
        template=WELCOME,
        to=to or trial.email,
        context=context,
        stream=Stream.TRANSACTIONAL,
        dedupe_key=dedupe_key,
        account=trial.account,
        license=trial.license,
        attachments=[Attachment(filename, "application/octet-stream", text.encode(), secret=True)],
        secrets=[text.strip()],
        actor=actor,
        at=at,
    )


def newest_issuance(trial: Trial) -> Issuance:
    """The newest issuance of the trial's license whose text was kept."""
    rows = trial.license.issuances.select_related("signing_key", "license__account", "license__product")
    row = rows.order_by("-id").first()
    if row is None or trial.license.status == LicenseStatus.REVOKED:
        raise NothingToSend
    return row
