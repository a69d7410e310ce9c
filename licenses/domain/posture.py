"""How a deployment runs: a pure function of license, deployment, time and settings (A6 to A11).

The value ``trial`` means a community deployment without a license (A7); a license of kind trial runs like
any other, with the shorter grace that its token carries. An enterprise deployment without a license is
``invalid`` with ``license_required``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from licenses.domain.claims import Claims
from licenses.domain.enums import DeploymentKind, LicenseStatus, Posture
from licenses.domain.errors import DomainError
from licenses.domain.instants import require_aware
from licenses.domain.terms import Terms, next_phase_at, phase

if TYPE_CHECKING:
    from licenses.domain.verification import Verification

LICENSE_REQUIRED: Final = "license_required"
LICENSE_INVALID: Final = "license_invalid"
LICENSE_READ_ONLY: Final = "license_read_only"
_CODES: Final = {
    Posture.TRIAL: "community_trial",
    Posture.VALID: "license_valid",
    Posture.WARNING: "license_expiring",
    Posture.GRACE: "license_in_grace",
    Posture.READ_ONLY: LICENSE_READ_ONLY,
    Posture.INVALID: LICENSE_INVALID,
}
_BLOCKED: Final = frozenset({Posture.READ_ONLY, Posture.INVALID})
_EXPIRED: Final = frozenset({Posture.GRACE, Posture.READ_ONLY})


@dataclass(frozen=True, slots=True)
class PostureSettings:
    """Periods in days for keys that carry none of their own (LIC1); tokens bring theirs (A8, A9)."""

    warn_days: int = 30
    grace_days: int = 14
    trial_grace_days: int = 3


DEFAULTS: Final = PostureSettings()


class WriteRefusedError(DomainError):
    """A protected write that the present posture does not allow."""


@dataclass(frozen=True, slots=True)
class PostureView:
    """Posture and what to show beside it. ``code`` names the banner, ``error`` is for the operator.

    ``days_left`` counts begun days to expiry (0 from then on, None when perpetual or without a license);
    ``changes_at`` is the next instant at which ``posture`` changes by itself.
    """

    posture: Posture
    code: str
    expired: bool = False
    license_required: bool = False
    days_left: int | None = None
    expires_at: datetime | None = None
    grace_until: datetime | None = None
    changes_at: datetime | None = None
    writes_allowed: bool = True
    error: str | None = None


def posture(
    subject: Verification | Claims | None,
    *,
    deployment: DeploymentKind,
    now: datetime,
    settings: PostureSettings = DEFAULTS,
) -> PostureView:
    """Posture of a deployment with this license, or with none (A6).

    ``subject`` is the result of ``verification.verify``, or claims that are trusted already. ``settings``
    is the one handed to ``verify``; it matters for keys without their own periods.
    """
    require_aware(now)
    if subject is None:
        return _without_license(deployment)
    if isinstance(subject, Claims):
        return view_of_terms(Terms.of_claims(subject), now)
    terms = subject.terms(settings)
    error = next((failure for failure in subject.failures if failure.reason != "expired"), None)
    if error is None and terms is not None:
        # Within the leeway before its start a license runs as from its start.
        return view_of_terms(terms, max(now, terms.starts_at))
    detail = f"{error.reason}: {error.detail}" if error is not None else "no license was read"
    return PostureView(
        Posture.INVALID,
        LICENSE_INVALID,
        expires_at=None if terms is None else terms.expires_at,
        changes_at=subject.changes_at,
        writes_allowed=False,
        error=detail,
    )


def _without_license(deployment: DeploymentKind) -> PostureView:
    if deployment is DeploymentKind.COMMUNITY:
        return PostureView(Posture.TRIAL, _CODES[Posture.TRIAL])
    return PostureView(
        Posture.INVALID,
        LICENSE_REQUIRED,
        license_required=True,
        writes_allowed=False,
        error="An enterprise deployment needs a license before protected use.",
    )


def view_of_terms(terms: Terms, now: datetime) -> PostureView:
    """The view of a license that holds, by time alone."""
    value = phase(terms, now)
    return PostureView(
        value,
        _CODES[value],
        expired=value in _EXPIRED,
        days_left=days_left(terms.expires_at, now),
        expires_at=terms.expires_at,
        grace_until=terms.ends_at,
        changes_at=next_phase_at(terms, now),
        writes_allowed=value not in _BLOCKED,
        error="The license has not started yet." if value is Posture.INVALID else None,
    )


def days_left(expires_at: datetime | None, now: datetime) -> int | None:
    """Begun days until ``expires_at``: 1 in the last second, 0 from the expiry on, None when perpetual."""
    if expires_at is None:
        return None
    return max(0, -((now - expires_at) // timedelta(days=1)))


def write_refusal(view: PostureView, *, replacing_license: bool = False) -> str | None:
    """The code that a protected write is refused with, or None when it passes (A10).

    Reads never ask. Replacing the license is always allowed, whatever the posture.
    """
    if view.writes_allowed or replacing_license:
        return None
    return view.code


def check_write(view: PostureView, *, replacing_license: bool = False) -> None:
    """Raise WriteRefusedError with ``license_read_only``, ``license_required`` or ``license_invalid`` (A10)."""
    code = write_refusal(view, replacing_license=replacing_license)
    if code is not None:
        raise WriteRefusedError(code, view.error or "The license has expired: the system is read-only.")


def posture_of_terms(
    *,
    starts_at: datetime,
    expires_at: datetime | None,
    warn_days: int,
    grace_days: int,
    status: LicenseStatus,
    now: datetime,
) -> Posture:
    """Posture of a live license by its row; suspended, revoked and not yet started are ``invalid``."""
    if status is not LicenseStatus.ACTIVE:
        return Posture.INVALID
    return phase(Terms(starts_at, expires_at, warn_days, grace_days), now)


def next_change_at(
    *,
    starts_at: datetime,
    expires_at: datetime | None,
    warn_days: int,
    grace_days: int,
    status: LicenseStatus,
    now: datetime,
) -> datetime | None:
    """The first instant after ``now`` at which ``posture_of_terms`` changes by itself; None when never."""
    if status is not LicenseStatus.ACTIVE:
        return None
    return next_phase_at(Terms(starts_at, expires_at, warn_days, grace_days), now)
