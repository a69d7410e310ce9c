"""When a license starts, warns, expires and ends: the four instants that posture turns on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from licenses.domain.claims import Claims
from licenses.domain.enums import Posture
from licenses.domain.instants import instant, later

WARN_SHARE = 4
"""At most this fraction (a quarter) of a term is spent warning of its end (A8)."""
_NOTHING = timedelta(0)


@dataclass(frozen=True, slots=True)
class Terms:
    """The time that a license covers, half-open; ``expires_at`` None is perpetual.

    ``warns_at`` is ``warn_days`` before the end, or a quarter of the term if that is less; ``ends_at`` is
    the end of grace, from which protected writes stop. Both are None when perpetual.
    """

    starts_at: datetime
    expires_at: datetime | None
    warn_days: int
    grace_days: int
    warns_at: datetime | None = field(init=False, default=None)
    ends_at: datetime | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.expires_at is None:
            return
        share = (self.expires_at - self.starts_at) // WARN_SHARE
        warning = timedelta(self.warn_days)
        if share < warning:
            warning = max(share, _NOTHING)
        object.__setattr__(self, "warns_at", self.expires_at - warning)
        object.__setattr__(self, "ends_at", later(self.expires_at, timedelta(self.grace_days)))

    @classmethod
    def of_claims(cls, claims: Claims) -> Terms:
        expires_at = None if claims.expires_at is None else instant(claims.expires_at)
        return cls(instant(claims.not_before), expires_at, claims.warn_days, claims.grace_days)


def phase(terms: Terms, now: datetime) -> Posture:
    """``invalid`` before the start, then ``valid``, ``warning``, ``grace``, ``read_only`` (A8 to A10)."""
    if now < terms.starts_at:
        return Posture.INVALID
    warns_at, ends_at = terms.warns_at, terms.ends_at
    if terms.expires_at is None or warns_at is None or ends_at is None or now < warns_at:
        return Posture.VALID
    if now < terms.expires_at:
        return Posture.WARNING
    return Posture.GRACE if now < ends_at else Posture.READ_ONLY


def next_phase_at(terms: Terms, now: datetime) -> datetime | None:
    """The first instant after ``now`` at which ``phase`` gives something else; None when it never will."""
    if now < terms.starts_at:
        return terms.starts_at
    for boundary in (terms.warns_at, terms.expires_at, terms.ends_at):
        if boundary is not None and now < boundary:
            return boundary
    return None
