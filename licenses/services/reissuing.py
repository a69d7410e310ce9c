"""Signing anew what a revoked key signed. Resumable: what is done no longer belongs to the revoked key."""

from __future__ import annotations

from datetime import datetime

import structlog

from licenses import selectors
from licenses.domain.enums import KeyState, LicenseStatus
from licenses.models import Channel, SigningKey
from licenses.services.bulk import licenses_issue

log = structlog.get_logger(__name__)


def licenses_reissue(*, kid: str | None = None, actor: str, at: datetime) -> int:
    """Re-issue the live licenses whose newest snapshot a revoked key signed; return how many.

    Without `kid` it looks after every revoked key that staff asked to have replaced. Suspended licenses
    wait until they are reinstated. One that refuses (ended) is left and logged; the others go on.
    """
    keys = SigningKey.objects.filter(state=KeyState.REVOKED)
    done = 0
    for key in (keys.filter(kid=kid) if kid is not None else keys.filter(replace=True)).order_by("pk"):
        batches = licenses_issue(
            licenses=selectors.live_licenses_of_key(key).filter(status=LicenseStatus.ACTIVE),
            replacing=key,
            channel=Channel.BULK,
            actor=actor,
            at=at,
        )
        for batch in batches:
            done += len(batch.issued)
            for license_id, refusal in batch.refused:
                log.warning("reissue_refused", license=license_id, code=refusal.code)
    return done
