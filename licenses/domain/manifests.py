"""The signed release manifest: what an installation may install, to be verified offline.

A compact JWS of type ``release-manifest+jwt``, so that it never passes as a license. It names the license it was made
for, and an instant after which it says nothing any more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, BinaryIO, Final

from licenses.domain.enums import KeyState
from licenses.domain.errors import DomainError
from licenses.domain.instants import MAX_EPOCH, instant, require_aware
from licenses.domain.keys import KeySet
from licenses.domain.tokens import Decoded, TokenError, decode_document
from licenses.domain.versions import VersionError, parse_version
from licenses.domain.wire import json_dump

MANIFEST_TYP: Final = "release-manifest+jwt"
MOST_BYTES: Final = 48 * 1024
"""Of the payload, so that the token stays within what is read again."""
LEEWAY: Final = timedelta(minutes=5)
BLOCK: Final = 1024 * 1024


class ManifestError(DomainError):
    """A text that is no manifest for this license now."""


@dataclass(frozen=True, slots=True)
class Offered:
    """A release that the license may have. `size` in bytes; `notes` is None where the manifest leaves them out."""

    version: str
    channel: str
    published_at: str
    artifact: str
    sha256: str
    size: int
    notes: str | None = None

    def matches(self, file: BinaryIO) -> bool:
        """Whether a downloaded file is the artifact: its size, then its SHA-256."""
        digest, size = hashlib.sha256(), 0
        while block := file.read(BLOCK):
            digest.update(block)
            size += len(block)
        return size == self.size and digest.hexdigest() == self.sha256


@dataclass(frozen=True, slots=True)
class Withheld:
    """A release that the license may not have, and every reason (`releases.REASONS`)."""

    version: str
    channel: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A release that the vendor took back: who runs it should move on."""

    version: str
    reason: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A verified manifest. `newest` is the newest release of each channel that is open, by channel."""

    license_id: str
    issued_at: datetime
    not_after: datetime
    newest: Mapping[str, Offered]
    releases: tuple[Offered, ...]
    withheld: tuple[Withheld, ...]
    withdrawn: tuple[Withdrawn, ...]

    def update_for(self, running: str, channel: str = "stable") -> Offered | None:
        """The newest release of a channel, when it comes after what runs. An odd version comes before every one."""
        found = self.newest.get(channel)
        if found is None:
            return None
        try:
            present = parse_version(running.removeprefix("v")).precedence
        except VersionError:
            return found
        return found if parse_version(found.version).precedence > present else None


def fitted(body: dict[str, Any], newest: Iterable[str]) -> dict[str, Any]:
    """The body of a manifest within its bound: notes are left out, of the least tried channel first."""
    channels = list(newest)
    while channels and len(json_dump(body)) > MOST_BYTES:
        version = body["newest"][channels.pop()]
        for entry in body["releases"]:
            if entry["version"] == version:
                entry["notes"] = None
    return body


def read_manifest(
    text: str,
    keys: KeySet,
    *,
    now: datetime,
    issuer: str,
    audience: str,
    license_id: str | None = None,
    not_before: datetime | None = None,
) -> Manifest:
    """Verify a manifest offline.

    `license_id` is the license it must be for; `not_before` the issue of the newest manifest that was seen: an older
    one may hide a withdrawal. Raises ManifestError with a reason of `TokenError`, or ``key_revoked``,
    ``issuer_mismatch``, ``audience_mismatch``, ``bad_manifest``, ``other_license``, ``manifest_from_future``,
    ``manifest_superseded`` or ``manifest_expired``.
    """
    require_aware(now)
    try:
        decoded = decode_document(text.strip(), MANIFEST_TYP, keys)
    except TokenError as error:
        raise ManifestError(error.reason, error.detail) from error
    _check_names(decoded, issuer, audience)
    manifest = _manifest(decoded.claims_payload)
    if license_id is not None and manifest.license_id != license_id:
        raise ManifestError("other_license", "the manifest was made for another license")
    if manifest.issued_at > now + LEEWAY:
        raise ManifestError("manifest_from_future", "the manifest is newer than this machine's clock")
    if not_before is not None and manifest.issued_at < not_before:
        raise ManifestError("manifest_superseded", "a newer manifest was seen already")
    if now >= manifest.not_after:
        raise ManifestError("manifest_expired", "the manifest has expired; fetch a new one")
    return manifest


def _check_names(decoded: Decoded, issuer: str, audience: str) -> None:
    if decoded.key_state is KeyState.REVOKED:
        raise ManifestError("key_revoked", "the key that signed the manifest is no longer trusted")
    if decoded.claims_payload.get("iss") != issuer:
        raise ManifestError("issuer_mismatch", "another issuer signed the manifest")
    if decoded.claims_payload.get("aud") != audience:
        raise ManifestError("audience_mismatch", "the manifest is for another product")


def _manifest(payload: Mapping[str, Any]) -> Manifest:
    try:
        body = payload["manifest"]
        releases = tuple(_offered(entry) for entry in body["releases"])
        by_version = {entry.version: entry for entry in releases}
        return Manifest(
            license_id=_text(body["license_id"]),
            issued_at=_instant(payload["iat"]),
            not_after=_instant(payload["exp"]),
            newest={channel: by_version[version] for channel, version in body["newest"].items()},
            releases=releases,
            withheld=tuple(
                Withheld(_text(row["version"]), _text(row["channel"]), tuple(map(_text, row["reasons"])))
                for row in body["withheld"]
            ),
            withdrawn=tuple(
                Withdrawn(_text(row["version"]), _text(row["reason"])) for row in body["withdrawn"]
            ),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ManifestError(
            "bad_manifest", "the manifest lacks something or is of another version"
        ) from error


def _offered(entry: Mapping[str, Any]) -> Offered:
    size, notes = entry["size"], entry.get("notes")
    if type(size) is not int or not (notes is None or isinstance(notes, str)):
        raise TypeError
    return Offered(
        version=parse_version(entry["version"]).text,
        channel=_text(entry["channel"]),
        published_at=_text(entry["published_at"]),
        artifact=_text(entry["artifact"]),
        sha256=_text(entry["sha256"]),
        size=size,
        notes=notes,
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _instant(value: object) -> datetime:
    if type(value) is not int or not 0 < value <= MAX_EPOCH:
        raise TypeError
    return instant(value)
