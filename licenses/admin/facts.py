"""What a license's page says first: how it stands now, and what happens by itself and when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from licenses.admin.display import instant
from licenses.domain.enums import Kind, LicenseStatus, Posture
from licenses.domain.posture import days_left
from licenses.domain.terms import Terms, next_phase_at, phase
from licenses.models import License
from licenses.postures import posture_at

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
BECOMES = {
    Posture.VALID: ("Starts", "online and offline validation accept it"),
    Posture.WARNING: ("Begins to warn", "everything keeps working"),
    Posture.GRACE: ("Enters grace", "it has expired, writes still pass, with a louder warning"),
    Posture.READ_ONLY: ("Becomes read-only", "protected writes fail with license_read_only, reads pass"),
}
MEANS = {
    Posture.VALID: "Accepted online and offline.",
    Posture.TRIAL: "Accepted online and offline.",
    Posture.WARNING: "Accepted; deployments warn of the end.",
    Posture.GRACE: "Expired; writes still pass until grace ends.",
    Posture.READ_ONLY: "Expired and past its grace: deployments are read-only.",
    Posture.INVALID: "Not started yet.",
}
HELD = {
    LicenseStatus.SUSPENDED: "Refused online until it is reinstated.",
    LicenseStatus.REVOKED: "Refused online for good.",
}


@dataclass(frozen=True, slots=True)
class Mark:
    """A word about what kind of license this is, with its colour."""

    text: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """The head of the page. `next_at` is None when nothing happens by itself any more."""

    status: str
    posture: Posture
    means: str
    days_left: str
    ends: str
    next_at: datetime | None
    next_text: str
    marks: tuple[Mark, ...]


Renewer = Callable[[License, datetime], "Coming | None"]


@dataclass(frozen=True, slots=True)
class Coming:
    """What a room above does to an active license by itself: when, and in a whole sentence what."""

    at: datetime
    says: str


_renewers: list[Renewer] = []


def renewer_register(renewer: Renewer) -> None:
    """Add who renews licenses by itself; it is asked about each active license whose page is shown."""
    if renewer not in _renewers:
        _renewers.append(renewer)


def facts_of(row: License, at: datetime) -> Facts:
    """The facts of a license at an instant, from its live terms."""
    terms = Terms(row.starts_at, row.expires_at, row.warn_days, row.grace_days)
    next_at = next_phase_at(terms, at) if row.status == LicenseStatus.ACTIVE else None
    posture = posture_at(row, at)
    text = _next_text(row, terms, next_at, at)
    coming = _coming(row, at)
    return Facts(
        status=row.status,
        posture=posture,
        means=_means(row, posture),
        days_left=_days_left(row, at),
        ends=_ends(row, at),
        next_at=coming.at if coming else next_at,
        next_text=f"{coming.says} Without that: {text[:1].lower()}{text[1:]}" if coming else text,
        marks=_marks(row),
    )


def away(then: datetime, at: datetime) -> str:
    """How far an instant is from now: "in 30 days", "in 5 hours", "2 days ago"."""
    gap = abs(then - at)
    number, unit = (gap // DAY, "day") if gap >= DAY else (gap // HOUR, "hour")
    if number == 0:
        return "within the hour" if then >= at else "just now"
    words = f"{number:,} {unit}{'' if number == 1 else 's'}"
    return f"in {words}" if then >= at else f"{words} ago"


def _coming(row: License, at: datetime) -> Coming | None:
    """The first renewal that comes by itself; only what is active is renewed."""
    if row.status != LicenseStatus.ACTIVE:
        return None
    found = [coming for renewer in _renewers if (coming := renewer(row, at)) is not None]
    return min(found, key=lambda coming: coming.at, default=None)


def _means(row: License, posture: Posture) -> str:
    if row.is_legacy and row.status == LicenseStatus.ACTIVE:
        return "A record of the older tool: its key is neither signed nor validated here."
    return HELD.get(LicenseStatus(row.status)) or MEANS[posture]


def _days_left(row: License, at: datetime) -> str:
    """A revoked license has none, whatever its end says."""
    if row.status == LicenseStatus.REVOKED:
        return "none"
    left = days_left(row.expires_at, at)
    return "no end" if left is None else f"{left:,}"


def _ends(row: License, at: datetime) -> str:
    if row.status == LicenseStatus.REVOKED:
        return f"Revoked on {instant(row.status_at)}."
    if row.expires_at is None:
        return "A perpetual license."
    verb = "Ends on" if at < row.expires_at else "Ended on"
    return f"{verb} {instant(row.expires_at)}."


def _next_text(row: License, terms: Terms, next_at: datetime | None, at: datetime) -> str:
    if row.status == LicenseStatus.REVOKED:
        return (
            "Nothing: it was revoked for good. Keys that are out keep validating offline until they expire."
        )
    if row.status == LicenseStatus.SUSPENDED:
        return f"Nothing until it is reinstated; suspended since {instant(row.status_at)}."
    if next_at is not None:
        verb, consequence = BECOMES[phase(terms, next_at)]
        return f"{verb} on {next_at:%Y-%m-%d} ({away(next_at, at)}): {consequence}."
    if row.expires_at is None:
        return "Nothing: a perpetual license does not end."
    return f"Nothing: it ended on {instant(terms.ends_at)}, grace included. Renew it to bring it back."


def _marks(row: License) -> tuple[Mark, ...]:
    marks = [Mark(row.kind, "info" if row.kind != Kind.COMMERCIAL else ""), Mark(f"{row.edition} edition")]
    if row.internal:
        marks.append(Mark("internal", "warning"))
    if row.is_legacy:
        marks.append(Mark("legacy, not re-signable", "warning"))
    if row.expires_at is None:
        marks.append(Mark("perpetual"))
    return tuple(marks)
