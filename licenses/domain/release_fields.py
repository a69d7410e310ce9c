"""What a release may say: everything that is wrong with one, field by field."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from licenses.domain.entitlements import MAX_INTEGER
from licenses.domain.enums import ReleaseChannel
from licenses.domain.problems import Problem, entitlement_problem, range_problem
from licenses.domain.versions import VersionError, parse_version

_ARTIFACT: Final = re.compile(r"[\x21-\x7e]+")
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*://|(?:javascript|data|file|mailto):", re.IGNORECASE)
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_BAD_TEXT: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class ReleaseFields:
    """A release as it is asked for. `size_bytes` of the artifact, whose SHA-256 is in lower-case hex."""

    version: str
    channel: str
    artifact: str
    sha256: str
    size_bytes: int
    notes: str = ""
    entitlement: str = ""


def release_problems(fields: ReleaseFields, catalogue: Collection[str] = ()) -> list[Problem]:
    """Every problem, in the order of the fields; `catalogue` holds the slugs of the product, empty is free text."""
    return [*_version_problems(fields), *_artifact_problems(fields), *_text_problems(fields, catalogue)]


def _version_problems(fields: ReleaseFields) -> Iterator[Problem]:
    if fields.channel not in tuple(ReleaseChannel):
        yield Problem("channel", "unknown_channel", f"One of {', '.join(ReleaseChannel)}.")
    try:
        version = parse_version(fields.version)
    except VersionError as error:
        yield Problem("version", error.reason, error.detail)
        return
    if version.prerelease and fields.channel == ReleaseChannel.STABLE:
        yield Problem(
            "channel",
            "prerelease_not_stable",
            "A pre-release such as 2.0.0-rc.1 is not for the stable channel.",
        )


def _artifact_problems(fields: ReleaseFields) -> Iterator[Problem]:
    detail = _artifact_detail(fields.artifact)
    if detail:
        yield Problem("artifact", "bad_artifact", detail)
    if _SHA256.fullmatch(fields.sha256) is None:
        yield Problem("sha256", "not_sha256", "A SHA-256 as 64 hexadecimal digits in lower case.")
    problem = range_problem("size_bytes", fields.size_bytes, 1, MAX_INTEGER)
    if problem is not None:
        yield problem


def _artifact_detail(text: str) -> str:
    if _ARTIFACT.fullmatch(text) is None:
        return "An address or name without spaces, in ASCII."
    if _SCHEME.match(text) is None:
        return ""  # a name in a registry, a path in a store
    try:
        address = urlsplit(text)
        holds_secret = address.username is not None or address.password is not None
    except ValueError:
        return "This address cannot be read."
    if address.scheme != "https" or not address.hostname:
        return "An address begins with https://."
    return "No name or password in the address: every customer reads it." if holds_secret else ""


def _text_problems(fields: ReleaseFields, catalogue: Collection[str]) -> Iterator[Problem]:
    if _BAD_TEXT.search(fields.notes):
        yield Problem("notes", "bad_text", "Notes hold no control characters.")
    if fields.entitlement:
        problem = entitlement_problem([fields.entitlement], catalogue, "entitlement")
        if problem is not None:
            yield problem
