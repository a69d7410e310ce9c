"""What deployments tell of their licenses. The license itself is the credential (A5, A13)."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings

from config.kit.errors import NotFound, Unauthenticated
from licenses import selectors
from licenses.domain.formats import from_paste
from licenses.domain.verification import Verification, verify
from licenses.models import License
from licenses.services.posture import clear_record, denial_record


class LicenseUnverified(Unauthenticated):
    """The text is no license of ours; `reason` says why."""

    code = "license_unverified"
    title = "The license in the body is not one of ours, or is no longer trusted."


def signal_receive(
    *,
    text: str,
    signal: str,
    reason: str = "",
    limit: int | None = None,
    used: int | None = None,
    at: datetime,
) -> License:
    """Record a denial (`signal` "denied") or the removal of a license ("cleared") that a deployment met.

    An expired, suspended or revoked license may still tell. Raises LicenseUnverified (401), NotFound.
    """
    row = _license_of(text, at)
    actor = f"license:{row.public_id}"
    if signal == "cleared":
        clear_record(license=row, actor=actor, at=at)
    else:
        counts = {"limit": limit, "used": used}
        data = {name: count for name, count in counts.items() if count is not None}
        denial_record(license=row, reason=reason, data=data, actor=actor, at=at)
    return row


def _license_of(text: str, at: datetime) -> License:
    found = verify(
        from_paste(text), selectors.key_set(), now=at, issuer=settings.ISSUER, audience=None, check_time=False
    )
    if not found.ok:
        raise LicenseUnverified(reason=found.reason)
    row = _row_of(found)
    if row is None:
        raise NotFound
    return row


def _row_of(found: Verification) -> License | None:
    rows = License.objects.select_related("account")
    if found.claims is not None:
        return rows.by_public_id(found.claims.license_id).first()
    return rows.filter(uid=found.fields.license_uid).first() if found.fields else None
