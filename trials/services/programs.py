"""Trial programs: the rules staff set (E21, A22)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction

from config.kit.errors import Conflict, FieldError, Invalid
from config.kit.locks import locked
from config.kit.validation import check_fields
from history.domain.kinds import Kind
from history.services import record
from trials.domain.questions import question_problems
from trials.models import TrialProgram
from trials.services.evidence.checking import reference_problems

FIELDS = frozenset(
    field.name
    for field in TrialProgram._meta.concrete_fields
    if field.name not in {"id", "created_at", "default"}
)


REFERENCES = ("release_ref", "artifact_ref", "support_owner_ref", "onboarding_ref")


class ProgramExists(Conflict):
    code = "exists"
    title = "A trial program of this name exists already."


def program_create(*, default: bool = False, actor: str, at: datetime, **fields: Any) -> TrialProgram:
    """Set up a program; `default`: it serves requests that name the product alone. Raises Invalid, ProgramExists."""
    row = TrialProgram(**fields, created_at=at)
    _check(row)
    with transaction.atomic():
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError as error:
            raise ProgramExists(f"There is a program {row.slug} already.") from error
        if default:
            _make_default(row)
        _record(row, sorted(fields), actor, at)
    return row


def program_update(
    *, program: TrialProgram, default: bool | None = None, actor: str, at: datetime, **fields: Any
) -> TrialProgram:
    """Change the rules for requests from now on; running trials keep what they were given. Raises Invalid."""
    with transaction.atomic():
        row = locked(TrialProgram.objects.select_related("product", "plan").filter(pk=program.pk)).get()
        changed = sorted(name for name, value in fields.items() if getattr(row, name) != value)
        for name in changed:
            setattr(row, name, fields[name])
        _check(row)
        if changed:
            row.save(update_fields=changed)
        if default is not None and default != row.default:
            changed.append("default")
            if default:
                _make_default(row)
            else:
                TrialProgram.objects.filter(pk=row.pk).update(default=False)
        if changed:
            _record(row, changed, actor, at)
    return row


def _make_default(row: TrialProgram) -> None:
    others = TrialProgram.objects.filter(product=row.product)
    list(locked(others.order_by("pk")))
    others.exclude(pk=row.pk).update(default=False)
    TrialProgram.objects.filter(pk=row.pk).update(default=True)
    row.default = True


def _check(row: TrialProgram) -> None:
    problems = [FieldError("fields", "invalid", detail) for detail in question_problems(row.fields)]
    problems += reference_problems(row, REFERENCES)
    if row.plan.product_id != row.product_id:
        problems.append(FieldError("plan", "other_product", "The plan is another product's."))
    if row.ready_days > row.ready_window_days:
        problems.append(FieldError("ready_days", "out_of_range", "Not more than the window has days."))
    if not 1 <= row.duration_days <= 365:  # noqa: PLR2004 - the bounds of the column
        problems.append(FieldError("duration_days", "out_of_range", "1 to 365 days."))
    if row.terms_version and not row.terms_url:
        problems.append(FieldError("terms_url", "required", "Where the terms are to be read."))
    problems += [
        FieldError("origins", "invalid", f"{origin} is no origin such as https://www.example.com.")
        for origin in row.origins
        if not is_origin(origin)
    ]
    if problems:
        raise Invalid(problems)
    check_fields(row)


def is_origin(text: object) -> bool:
    """Scheme, host and perhaps a port, nothing else (RFC 6454)."""
    if (
        not isinstance(text, str)
        or not text.isascii()
        or not text.isprintable()
        or " " in text
        or ";" in text
    ):
        return False
    parts = urlsplit(text)
    return (
        parts.scheme in {"http", "https"}
        and bool(parts.hostname)
        and text == f"{parts.scheme}://{parts.netloc}"
    )


def _record(row: TrialProgram, changed: list[str], actor: str, at: datetime) -> None:
    record(
        kind=Kind.TRIAL_PROGRAM_CHANGED,
        subject=f"trial_program:{row.slug}",
        actor=actor,
        data={"fields": changed, "active": row.active, "approval": row.approval},
        at=at,
    )
