"""Versions of releases, by the letter of Semantic Versioning 2.0.0: three numbers, a pre-release, build metadata.

``1.4.0``, ``2.0.0-rc.1``, ``2.0.0+linux.amd64``. No ``v`` before it, no leading zeros, nothing left out: what a
product publishes is spelled in one way. Precedence is section 11 of the specification; build metadata has none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from licenses.domain.errors import DomainError

MAX_VERSION: Final = 64
MAX_PRECEDENCE: Final = 200

_NUMBER: Final = r"(0|[1-9][0-9]*)"
_VERSION: Final = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}"
    r"(?:-((?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*))*))?"
    r"(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
)


class VersionError(DomainError):
    """A text that is no version; reason ``bad_version``."""


@dataclass(frozen=True, slots=True)
class Version:
    """A parsed version. ``text`` is its only spelling."""

    text: str
    numbers: tuple[int, int, int]
    prerelease: tuple[str, ...] = ()
    build: str = ""

    def __str__(self) -> str:
        return self.text

    @property
    def precedence(self) -> str:
        """A text by which versions sort as section 11 says, equal where precedence is equal.

        Hexadecimal digits of one case, so that every collation of every database agrees with the order of bytes.
        """
        key = b"".join(_number(str(number)) for number in self.numbers)
        if not self.prerelease:
            return (key + b"\x02").hex()  # a release comes after all of its pre-releases
        return (key + b"\x01" + b"".join(map(_identifier, self.prerelease)) + b"\x00").hex()


def parse_version(text: object) -> Version:
    """Read a version strictly. Raises VersionError."""
    found = _VERSION.fullmatch(text) if isinstance(text, str) and len(text) <= MAX_VERSION else None
    if found is None:
        raise VersionError(
            "bad_version",
            f"A version is written as in 1.4.0 or 2.0.0-rc.1 (Semantic Versioning 2.0.0), {MAX_VERSION} characters "
            "at most.",
        )
    major, minor, patch, prerelease, build = found.groups()
    return Version(
        found.string,
        (int(major), int(minor), int(patch)),
        tuple(prerelease.split(".")) if prerelease else (),
        build or "",
    )


def _number(digits: str) -> bytes:
    """Fewer digits are a smaller number; among as many, the order of the digits decides."""
    return bytes([len(digits)]) + digits.encode()


def _identifier(text: str) -> bytes:
    """Numbers come before words; words are in the order of ASCII, a beginning before what it begins."""
    return b"\x01" + _number(text) if text.isdecimal() else b"\x02" + text.encode() + b"\x00"
