"""The life of a running trial: extended, converted, ended, revoked; and how it fares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import User
from config.kit.errors import FieldError, Invalid
from config.kit.locks import referable
from config.kit.updates import update_rows
from history.domain.kinds import Kind
from history.services import NewEvent, record_many
from licenses.domain.enums import LicenseStatus
from licenses.models import Channel, Installation, License
from licenses.services.lifecycle import license_revoke
from licenses.services.notes import note_add
from licenses.services.renewing import Renewed, license_renew
from trials import selectors
from trials.domain.engagement import (
    Attention,
    Engagement,
    Paid,
    TrialFacts,
    attention_of,
    attention_paid,
    engagement_of,
)
from trials.errors import ExtensionUsed, TrialEnded
from trials.models import Trial
from trials.services.events import record_trial, trial_event
from trials.services.uses import uses_keep, uses_of_trial

BATCH = 500
SOUGHT = 10_000
SWEEP = "system:trial-sweep"
PAID = ["engagement_due_at", "attention", "attention_at"]
"""Fields that a look at a customer writes; below those of an end, and of a look at a running trial."""
ENDED = ["outcome", "ended_at", "engagement", "engagement_at", *PAID]
ENGAGED = ["engagement", "engagement_at", "first_beat_at", "ready_at", *PAID]


def trial_extend(*, trial: Trial, actor: str, at: datetime) -> Renewed:
    """Add what the program allows as one extension (A26 by the one renewing service).

    Raises TrialEnded, ExtensionUsed (409), and what renewing raises.
    """
    with transaction.atomic():
        uses = uses_of_trial(trial)
        row = _running(trial)
        if row.extensions >= row.program.extensions_max:
            raise ExtensionUsed
        renewed = license_renew(
            license=row.license, days=row.program.extension_days, reason="trial extension",
            persist=True, channel=Channel.TRIAL, actor=actor, at=at,
        )  # fmt: skip
        row.extensions += 1
        row.place_end(renewed.renewal.new_expires_at)
        row.save(update_fields=["extensions", "ends_at", "middle_at"])
        uses_keep(uses, row, at)
        _place(row, at)
        data = {"extension": row.extensions, "ends_at": row.ends_at.isoformat()}
        record_trial(Kind.TRIAL_EXTENDED, row, data, actor=actor, at=at)
    return renewed


def trial_convert(*, trial: Trial, license: License | None, actor: str, at: datetime) -> Trial:  # noqa: A002 - the word of the vocabulary
    """The trial led to a purchase: it ends as converted, by that license when one is known.

    One that expired or was lost before keeps the instant of its end, for a purchase may come later. Raises
    TrialEnded.
    """
    with transaction.atomic():
        row = _held(trial)
        if not row.may_convert:
            raise _ended(row)
        row.converted_by = license
        data = {"converted_by": license.public_id if license else ""}
        _end(row, Trial.Outcome.CONVERTED, Kind.TRIAL_CONVERTED, data, actor=actor, at=at)
    return row


def trial_end(*, trial: Trial, reason: str, author: User | None = None, actor: str, at: datetime) -> Trial:
    """End a trial that leads nowhere: lost. Its license runs out by itself. Raises TrialEnded, Invalid.

    The history holds no words of people, so the reason is kept as a note on the license, of `author` if there is one.
    """
    if not reason.strip():
        raise Invalid([FieldError("reason", "required", "Say why the trial ends.")])
    with transaction.atomic():
        row = _running(trial)
        _end(row, Trial.Outcome.LOST, Kind.TRIAL_ENDED, {"outcome": Trial.Outcome.LOST}, actor=actor, at=at)
        text = f"Trial ended: {reason.strip()}"
        note_add(license=row.license, text=text, author=author, actor=actor, at=at)
    return row


def trial_revoke(*, trial: Trial, reason: str, actor: str, at: datetime) -> Trial:
    """Revoke the license of a trial: one command, and the trial ends with it (architecture: revoke)."""
    with transaction.atomic():
        row = _running(trial)
        if row.license.status != LicenseStatus.REVOKED:
            license_revoke(license=row.license, reason=reason, actor=actor, at=at)
        _end(
            row,
            Trial.Outcome.REVOKED,
            Kind.TRIAL_ENDED,
            {"outcome": Trial.Outcome.REVOKED},
            actor=actor,
            at=at,
        )
    return row


def trial_sweep(*, at: datetime, limit: int = 100_000) -> int:
    """End what is past its end, and bring every engagement up to date; return how many rows changed.

    Looks at trials whose time has come and at those heard since they were last looked at, then at customers
    who tried before they bought. Small batches, each row decided under its lock: safe to run twice, late or
    in parallel.
    """
    running = Trial.objects.filter(_due(at), ended_at=None)
    bought = Trial.objects.filter(_paid_due(at), outcome=Trial.Outcome.CONVERTED, converted_by__isnull=False)
    changed = _in_batches(running, lambda ids: _sweep_batch(ids, at), limit)
    return changed + _in_batches(bought, lambda ids: _sweep_paid(ids, at), limit)


def _in_batches(rows: QuerySet[Trial], work: Callable[[list[int]], int], limit: int) -> int:
    """Work on the rows that are due, in batches. They are sought rarely: that looks at every trial there is."""
    changed = seen = after = 0
    while seen < limit:
        due = rows.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)
        found = list(due[: min(SOUGHT, limit - seen)])
        if not found:
            break
        after, seen = found[-1], seen + len(found)
        changed += sum(work(found[start : start + BATCH]) for start in range(0, len(found), BATCH))
    return changed


# What a beat may change at once; a trial that is ready for a pilot is looked at again when its time comes.
_BEAT_MATTERS = (
    Trial.Engagement.REQUESTED,
    Trial.Engagement.STUCK,
    Trial.Engagement.DORMANT,
    Trial.Engagement.ACTIVE,
)


def _due(at: datetime) -> Any:
    heard = Installation.objects.filter(
        license=OuterRef("license"), last_seen_at__gt=OuterRef("engagement_at"), set_aside_at=None
    )
    return (
        Q(engagement_due_at__lte=at) | Q(ends_at__lte=at) | (Q(engagement__in=_BEAT_MATTERS) & Exists(heard))
    )


def _paid_due(at: datetime) -> Any:
    """Customers to look at: their time has come; those found silent also when they are heard or bought no more."""
    heard = Installation.objects.filter(
        Q(license=OuterRef("license")) | Q(license=OuterRef("converted_by")),
        last_seen_at__gt=OuterRef("attention_at"), set_aside_at=None,
    )  # fmt: skip
    over = ~Q(converted_by__status=LicenseStatus.ACTIVE) | Q(converted_by__expires_at__lte=at)
    return Q(engagement_due_at__lte=at) | (Q(attention=Trial.Attention.DORMANT_PAID) & (Exists(heard) | over))


def _sweep_paid(ids: list[int], at: datetime) -> int:
    with transaction.atomic():
        rows = Trial.objects.select_related("program", "account", "license", "converted_by")
        held = list(referable(rows.filter(pk__in=ids, outcome=Trial.Outcome.CONVERTED)).order_by("pk"))
        facts = selectors.paid_facts_of(held, at)
        return _keep(held, PAID, [_look_paid(row, facts[row.pk], at) for row in held])


def _look_paid(row: Trial, facts: Paid, at: datetime) -> list[NewEvent]:
    attention, row.engagement_due_at = attention_paid(facts, at, selectors.thresholds_of(row.program))
    return _attend(row, attention, at)


def _sweep_batch(ids: list[int], at: datetime) -> int:
    with transaction.atomic():
        rows = Trial.objects.select_related("program", "account", "license").filter(pk__in=ids, ended_at=None)
        held = list(referable(rows).order_by("pk"))
        facts = selectors.facts_of(held, at)
        return _keep(held, [*ENDED, *ENGAGED], [_look(row, facts[row.pk], at) for row in held])


def _keep(rows: list[Trial], names: Sequence[str], events: list[list[NewEvent]]) -> int:
    """Write what was seen of locked rows, with the events of each; return how many rows have any."""
    update_rows(rows, list(dict.fromkeys(names)))
    if any(events):
        record_many(chain.from_iterable(events))
    return sum(map(bool, events))


def _look(row: Trial, facts: TrialFacts, at: datetime) -> list[NewEvent]:
    """Set what has become of a running trial; return its events. The caller writes both."""
    if row.ends_at <= at:
        events = _set_end(row, Trial.Outcome.EXPIRED, at)
        return [*events, trial_event(Kind.TRIAL_ENDED, row, {"outcome": row.outcome}, actor=SWEEP, at=at)]
    return _engage(row, facts, at)


def engagement_refresh(*, trial: Trial, at: datetime) -> bool:
    """Bring one trial up to date; say whether its engagement changed."""
    with transaction.atomic():
        rows = Trial.objects.select_related("program", "account", "license")
        row = referable(rows.filter(pk=trial.pk, ended_at=None)).first()
        if row is None:
            return False
        events = _look(row, selectors.facts_of([row], at)[row.pk], at)
        return _keep([row], [*ENDED, *ENGAGED], [events]) > 0


def _place(row: Trial, at: datetime) -> None:
    _keep([row], ENGAGED, [_engage(row, selectors.facts_of([row], at)[row.pk], at)])


def _engage(row: Trial, facts: TrialFacts, at: datetime) -> list[NewEvent]:
    """Set the engagement that the facts say; one event a change, none without. The caller writes."""
    limits = selectors.thresholds_of(row.program)
    state = engagement_of(facts, at, limits)
    before = row.engagement
    row.engagement, row.engagement_due_at, row.engagement_at = state.engagement.value, state.due_at, at
    row.first_beat_at = row.first_beat_at or facts.first_beat_at
    if state.engagement is Engagement.PILOT_READY and row.ready_at is None:
        row.ready_at = at
    events = _attend(row, attention_of(facts, at, limits), at)
    if before != row.engagement:
        data = {"from": before, "to": row.engagement}
        events.append(trial_event(Kind.TRIAL_ENGAGEMENT, row, data, actor=SWEEP, at=at))
    return events


def _attend(row: Trial, attention: Attention, at: datetime) -> list[NewEvent]:
    """Set whether somebody should look; one event a change. The caller writes."""
    before = row.attention
    if before == attention.value:
        return []
    row.attention, row.attention_at = attention.value, at if attention else None
    data = {"from": before, "to": attention.value}
    return [trial_event(Kind.TRIAL_ATTENTION, row, data, actor=SWEEP, at=at)]


_OF_OUTCOME = {
    Trial.Outcome.CONVERTED: Trial.Engagement.CONVERTED,
    Trial.Outcome.EXPIRED: Trial.Engagement.EXPIRED,
    Trial.Outcome.REVOKED: Trial.Engagement.LOST,
    Trial.Outcome.LOST: Trial.Engagement.LOST,
}


def _end(
    row: Trial, outcome: Trial.Outcome, kind: Kind, data: dict[str, Any], *, actor: str, at: datetime
) -> None:
    events = _set_end(row, outcome, at)
    row.save(update_fields=[*ENDED, "converted_by"])
    record_many([*events, trial_event(kind, row, data, actor=actor, at=at)])


def _set_end(row: Trial, outcome: Trial.Outcome, at: datetime) -> list[NewEvent]:
    row.outcome, row.ended_at = outcome, row.ended_at or at
    row.engagement, row.engagement_at, row.engagement_due_at = _OF_OUTCOME[outcome], at, None
    if row.converted_by is not None:  # what was bought is known, so it can fall silent
        row.engagement_due_at = at + timedelta(days=row.program.dormant_paid_days)
    return _attend(row, Attention.NONE, at)


def _running(trial: Trial) -> Trial:
    row = _held(trial)
    if row.ended_at is not None:
        raise _ended(row)
    return row


def _held(trial: Trial) -> Trial:
    rows = Trial.objects.select_related("program", "account", "license__account", "license__product")
    return referable(rows.filter(pk=trial.pk)).get()


def _ended(row: Trial) -> TrialEnded:
    return TrialEnded(f"This trial ended as {row.outcome}.")
