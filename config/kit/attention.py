"""What waits for a person: a registry of sources, each of which finds the problems of its own part.

Any room registers its source with one call, in its app's `ready`:

    source_register(Source(name="mail", title="Mail", find=failed_mail, permissions=("notifications.view_message",)))

The page of the admin (`config.attention`) shows what they find; nothing else depends on them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class Retry(Protocol):
    """Tries what a problem is about once more; returns a sentence that says what happens. Raises Refusal."""

    def __call__(self, key: str, *, actor: str, at: datetime) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that failed and waits for somebody.

    `key` names it within its source and never means another problem later: by it a problem is tried again or
    set aside. `title` and `cause` are plain words; both are shown as text. `url` leads to where one sees more.
    """

    key: str
    title: str
    cause: str
    since: datetime | None = None
    url: str = ""
    urgent: bool = False
    retryable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where problems come from.

    `find` yields them, the newest first, lazily and cheaply: it is called for the number in the menu, too.
    `permissions`: who holds any one of them sees the source. `manage`: who holds it may try again and set
    aside; empty: only superadmins. Without `retry` there is nothing to try again. `lasting` problems end
    when their cause does and cannot be set aside. `url` leads to the list of all of them.
    """

    name: str
    title: str
    find: Callable[[datetime], Iterable[Problem]]
    permissions: tuple[str, ...]
    manage: str = ""
    retry: Retry | None = None
    retry_label: str = "Try again"
    lasting: bool = False
    url: Callable[[], str] | None = None


_sources: dict[str, Source] = {}


def source_register(source: Source) -> None:
    """Add a source; one of the same name takes its place."""
    _sources[source.name] = source


def source_unregister(name: str) -> None:
    _sources.pop(name, None)


def sources() -> tuple[Source, ...]:
    """Every source, in the order of their registration."""
    return tuple(_sources.values())
