"""The release manifest of one license, signed, so that an installation can check it offline."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from licenses import selectors
from licenses.domain.entitlements import next_end
from licenses.domain.enums import Algorithm
from licenses.domain.instants import instant
from licenses.domain.manifests import MANIFEST_TYP, fitted
from licenses.domain.tokens import encode_document
from licenses.domain.wire import json_dump
from licenses.models import License, Release
from licenses.releases import Choice, release_choice
from licenses.signers import signer_of

KEPT_FOR = timedelta(hours=24)
SAME_FOR = timedelta(hours=1)
"""A manifest that still says the same is signed anew after so long: who has it always holds one with a day to go."""


@dataclass(frozen=True, slots=True)
class ManifestAnswer:
    """A manifest and its strong entity tag. `text` is None for a caller that holds this very one."""

    etag: str
    text: str | None


def manifest_sign(*, license_pk: int, known: Collection[str] = (), at: datetime) -> ManifestAnswer:
    """Say what a license may have as a compact JWS of type `release-manifest+jwt`, good for a day at most.

    Signed with the key of its product. `known` are entity tags that the caller holds. Raises NoSigningKey,
    SealingKeyMissing (503).
    """
    row = License.objects.select_related("product").get(pk=license_pk)
    key = selectors.active_key(row.product, Algorithm(row.product.algorithm))
    choice, changes_at = release_choice(row, at), _changes_at(row, at)
    body = fitted(_body(row, choice), choice.newest)
    etag = _etag(body, key.kid, changes_at, at)
    if etag in known or "*" in known:
        return ManifestAnswer(etag, None)
    not_after = min(at + KEPT_FOR, changes_at or at + KEPT_FOR).replace(microsecond=0)
    payload = {
        "iss": settings.ISSUER,
        "aud": row.product.audience,
        "iat": int(at.timestamp()),
        "exp": int(not_after.timestamp()),
        "manifest": {**body, "checked_at": _text(at), "not_after": _text(not_after)},
    }
    return ManifestAnswer(etag, encode_document(payload, MANIFEST_TYP, signer_of(key)))


def _changes_at(row: License, at: datetime) -> datetime | None:
    """The first instant at which what was allowed may be less, or what was not yet allowed more."""
    ends = next_end(row.entitlements, at)
    found = [instant(ends)] if ends is not None else []
    return min([*found, *([row.starts_at] if row.starts_at > at else [])], default=None)


def _etag(body: dict[str, Any], kid: str, changes_at: datetime | None, at: datetime) -> str:
    hour = int(at.timestamp() // SAME_FOR.total_seconds())
    said = json_dump([body, kid, _text(changes_at) if changes_at else None, hour])
    return f'"{hashlib.sha256(said).hexdigest()[:32]}"'


def _body(row: License, choice: Choice) -> dict[str, Any]:
    newest = {release.pk for release in choice.newest.values()}
    return {
        "license_id": row.public_id,
        "product": row.product.product_key,
        "newest": {channel: release.version for channel, release in choice.newest.items()},
        "releases": [_offered(release, with_notes=release.pk in newest) for release in choice.releases],
        "withheld": [
            {
                "version": release.version,
                "channel": release.channel,
                "published_at": _text(release.published_at),
                "reasons": list(reasons),
            }
            for release, reasons in choice.withheld
        ],
        "withdrawn": [
            {
                "version": release.version,
                "withdrawn_at": _text(release.withdrawn_at or release.published_at),
                "reason": release.withdrawn_reason,
            }
            for release in choice.withdrawn
        ],
    }


def _offered(release: Release, *, with_notes: bool) -> dict[str, Any]:
    return {
        "version": release.version,
        "channel": release.channel,
        "published_at": _text(release.published_at),
        "artifact": release.artifact,
        "sha256": release.sha256,
        "size": release.size_bytes,
        **({"notes": release.notes} if with_notes else {}),
    }


def _text(at: datetime) -> str:
    return f"{at.isoformat()[:19]}Z"
