"""Whom mail is not sent to, and what of it."""

from __future__ import annotations

from typing import Final

TRANSACTIONAL: Final = "transactional"
UNDELIVERABLE: Final = frozenset({"hard_bounce", "complaint"})
"""They stop all mail: it would not arrive, or would make the provider refuse the rest. A customer who wants
no reminders is still owed the license."""


def blocks(*, reason: str, suppressed: str, stream: str) -> bool:
    """Does a suppression stop a mail of this stream? `suppressed` is the stream it is for, empty for every one."""
    if suppressed not in {"", stream}:
        return False
    return stream != TRANSACTIONAL or reason in UNDELIVERABLE
