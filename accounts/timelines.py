"""What stands in the timelines of people and accounts beside history, such as mail.

The room that owns such rows says here how to find and to name them; a timeline asks without knowing the room.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from accounts.models import Account


@dataclass(frozen=True, slots=True)
class Line:
    """One row in words: who it was by, what it is, what it is about, and its page."""

    by: str
    what: str
    about: str
    url: str


@dataclass(frozen=True, slots=True)
class Source:
    """Rows of one table. `permission`: who may not see them there sees none in a timeline. `when` is their instant.

    `of_addresses` takes addresses in every spelling that is known; `lines` names rows by their keys.
    """

    name: str
    permission: str
    when: str
    of_addresses: Callable[[Sequence[str]], QuerySet[Any]]
    of_account: Callable[[Account], QuerySet[Any]]
    lines: Callable[[Sequence[int]], Mapping[int, Line]]


_sources: dict[str, Source] = {}


def source_register(source: Source) -> None:
    """A later one takes the place of an earlier one of its name."""
    _sources[source.name] = source


def source_named(name: str) -> Source:
    return _sources[name]


def sources_for(user: Any) -> list[Source]:
    """Those whose rows somebody may see."""
    return [source for source in _sources.values() if user.has_perm(source.permission)]
