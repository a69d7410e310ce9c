"""The settings of expiry digests (D14)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from config.kit.errors import FieldError, Invalid, NotFound
from config.kit.locks import locked
from config.kit.validation import check_fields
from history.services import record
from licenses.domain.enums import Kind
from notifications import setting_rules as rules
from notifications.models import ExpiryDigest

FIELDS = frozenset(
    {
        "name", "enabled", "recipients", "days_ahead", "hour", "zone", "weekdays", "kinds", "include_internal",
        "send_empty",
    }
)  # fmt: skip
MOST_DAYS = 365
WEEK = range(7)
DEFAULT_NAME = "Daily expiry digest"


def digest_create(*, actor: str, at: datetime, **fields: Any) -> ExpiryDigest:
    """Set a digest up; what is not given has its default. Raises Invalid with one entry a field."""
    digest = ExpiryDigest(created_at=at)
    _assign(digest, fields)
    with transaction.atomic():
        _save(digest)
        _record(digest, sorted(fields), actor, at)
    return digest


def digest_update(*, digest: ExpiryDigest, actor: str, at: datetime, **fields: Any) -> ExpiryDigest:
    """Change a digest; its next run goes by what it says then. Raises Invalid, NotFound."""
    with transaction.atomic():
        row = locked(ExpiryDigest.objects.filter(pk=digest.pk)).first()
        if row is None:
            raise NotFound
        changed = _assign(row, fields)
        if changed:
            _save(row)
            _record(row, changed, actor, at)
    return row


def default_digest_ensure(*, recipients: Iterable[str], actor: str, at: datetime) -> ExpiryDigest | None:
    """Set up the first digest of an installation; None when there is one already."""
    if ExpiryDigest.objects.exists():
        return None
    return digest_create(name=DEFAULT_NAME, recipients=list(recipients), actor=actor, at=at)


def _assign(digest: ExpiryDigest, fields: dict[str, Any]) -> list[str]:
    """Set fields and check the whole; return the names of those that changed."""
    unknown = sorted(set(fields) - FIELDS)
    if unknown:
        raise Invalid([FieldError(name, "unknown_field", f"{name} cannot be set.") for name in unknown])
    values = {name: _TIDY[name](value) if name in _TIDY else value for name, value in fields.items()}
    changed = sorted(name for name, value in values.items() if getattr(digest, name) != value)
    for name in changed:
        setattr(digest, name, values[name])
    errors = list(_errors(digest))
    if errors:
        raise Invalid(errors)
    check_fields(digest, ("name", "enabled", "include_internal", "send_empty"))
    return changed


_TIDY: dict[str, Callable[[Any], Any]] = {
    "name": lambda value: str(value).strip(),
    "recipients": rules.addresses_of,
    "weekdays": lambda value: sorted({int(day) for day in value}),
    "kinds": lambda value: rules.in_order(value, Kind),
}


def _errors(digest: ExpiryDigest) -> Iterator[FieldError]:
    yield from rules.range_errors("hour", digest.hour, rules.LAST_HOUR)
    yield from rules.range_errors("days_ahead", digest.days_ahead, MOST_DAYS)
    yield from rules.zone_errors(digest.zone)
    yield from rules.kind_errors(digest.kinds, Kind)
    yield from rules.recipient_errors(digest.recipients)
    if not digest.weekdays or not set(digest.weekdays) <= set(WEEK):
        yield FieldError("weekdays", "unknown_day", "Choose at least one day of the week.")


def _save(digest: ExpiryDigest) -> None:
    try:
        with transaction.atomic():
            digest.save()
    except IntegrityError as error:
        raise Invalid([FieldError("name", "exists", "There is a digest of this name already.")]) from error


def _record(digest: ExpiryDigest, changed: list[str], actor: str, at: datetime) -> None:
    """The names of what changed, and counts: an address has no place in history."""
    data = {"fields": changed, "enabled": digest.enabled, "recipients": len(digest.recipients)}
    record(kind="setting.changed", subject=f"digest:{digest.pk}", actor=actor, data=data, at=at)
