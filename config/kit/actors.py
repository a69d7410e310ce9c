"""Who did it: the short text that stands in history and issuances. Never a name or an address."""

from __future__ import annotations

import getpass
import hashlib
from typing import Any


def user(user: Any) -> str:
    return f"user:{user.pk}"


def api_key(prefix: str) -> str:
    return f"api-key:{prefix}"


def jwt_subject(subject: str) -> str:
    """The subject of an internal JWT; one that is an address stands as its hash, for history is forever."""
    if "@" in subject or not subject.isprintable() or not subject:
        return f"jwt:sha256-{hashlib.sha256(subject.encode('utf-8', 'surrogatepass')).hexdigest()[:20]}"
    return f"jwt:{subject[:60]}"


def command_line() -> str:
    """The operating system's user who runs a command."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # a container may run as a number without a name
        return "cli:unknown"


def system(task: str) -> str:
    return f"system:{task}"
