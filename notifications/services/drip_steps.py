"""Steps of the trial mail, as staff set them (A25)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from config.kit.errors import Conflict, FieldError, Invalid
from config.kit.locks import locked
from config.kit.validation import check_fields
from history.domain.kinds import Kind
from history.services import record
from notifications import setting_rules as rules
from notifications.mail_templates import TEMPLATES, MailTemplate
from notifications.mail_templates.trials import CODE, DECISION, EVALUATOR, NUDGE, USED
from notifications.mail_templates.trials import TEMPLATES as TRIAL_TEMPLATES
from notifications.models import DripStep
from trials.models import TrialProgram

FIELDS = frozenset(
    {
        "name", "enabled", "anchor", "offset_hours", "window_hours", "condition", "template", "hour_from",
        "hour_to", "zone", "position",
    }
)  # fmt: skip
NOT_A_STEP = {template.name for template in (CODE, DECISION, USED, EVALUATOR, NUDGE)}
COURSE: Mapping[str, MailTemplate] = {
    template.name: template for template in TRIAL_TEMPLATES if template.name not in NOT_A_STEP
}
"""Templates that need nothing but the trial itself."""
FURTHEST = 366 * 24
MIDNIGHT = 24


class StepExists(Conflict):
    code = "exists"
    title = "There is a step of this name already."


def drip_step_create(
    *, slug: str, program: TrialProgram | None = None, actor: str, at: datetime, **fields: Any
) -> DripStep:
    """Add a step for every program, or for one. Raises Invalid, StepExists."""
    row = DripStep(slug=slug, program=program, **_known(fields))
    _check(row)
    with transaction.atomic():
        # a table of a dozen rows: whoever adds one waits for whoever adds another
        list(locked(DripStep.objects.order_by("pk")))
        if DripStep.objects.filter(slug=slug, program=program).exists():
            raise StepExists(f"There is a step {slug} already.")
        row.save(force_insert=True)
        _record(row, sorted(fields), actor, at)
    return row


def drip_step_update(*, step: DripStep, actor: str, at: datetime, **fields: Any) -> DripStep:
    """Change a step; what was sent or skipped for a trial stays as it is. Raises Invalid."""
    values = _known(fields)
    with transaction.atomic():
        row = locked(DripStep.objects.filter(pk=step.pk)).get()
        changed = sorted(name for name, value in values.items() if getattr(row, name) != value)
        for name in changed:
            setattr(row, name, values[name])
        _check(row)
        if changed:
            row.save(update_fields=[*changed, "stream"])
            _record(row, changed, actor, at)
    return row


def _known(fields: dict[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(fields) - FIELDS)
    if unknown:
        raise Invalid([FieldError(name, "unknown_field", f"{name} cannot be set.") for name in unknown])
    return fields


def _check(row: DripStep) -> None:
    errors = list(_errors(row))
    if errors:
        raise Invalid(errors)
    row.stream = TEMPLATES[row.template].stream
    check_fields(row)


def _errors(row: DripStep) -> Iterator[FieldError]:
    yield from rules.zone_errors(row.zone)
    yield from rules.range_errors("hour_from", row.hour_from, rules.LAST_HOUR)
    yield from rules.range_errors("hour_to", row.hour_to, MIDNIGHT)
    if row.hour_from >= row.hour_to:
        yield FieldError("hour_to", "out_of_range", "Later than the first hour.")
    if not -FURTHEST <= row.offset_hours <= FURTHEST:
        yield FieldError("offset_hours", "out_of_range", "At most a year before or after.")
    if not 1 <= row.window_hours <= FURTHEST:
        yield FieldError("window_hours", "out_of_range", "At least an hour, at most a year.")
    if row.template not in COURSE:
        yield FieldError("template", "unknown_template", "Choose a template of the trial mail.")


def _record(row: DripStep, changed: list[str], actor: str, at: datetime) -> None:
    record(
        kind=Kind.DRIP_CHANGED,
        subject=f"drip_step:{row.pk}",
        actor=actor,
        data={
            "step": row.slug,
            "program": row.program.slug if row.program else "",
            "fields": changed,
            "enabled": row.enabled,
        },
        at=at,
    )
