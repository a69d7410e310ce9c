"""How what events are about, and who acts, is called, and where its page is.

Events hold `type:id`. The rooms that own a type say here how to name its rows, so that lists show names
with links; what nobody names is shown as it stands.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Named:
    """A name, and the address of a page, or nothing when there is none.

    Who reads the history need not be one who may see the row: then `url` is empty, and `page` is for who holds `needs`.
    """

    text: str
    url: str = ""
    page: str = ""
    needs: str = ""


@dataclass(frozen=True, slots=True)
class Naming:
    """For one type: the names of many ids in one query, and the ids that a typed text means."""

    names: Callable[[Sequence[str]], Mapping[str, Named]]
    find: Callable[[str], Sequence[str]]


_ACTORS = {"system": "Signet,", "cli": "Command line,", "api-key": "API key", "jwt": "Service"}
_namings: dict[str, Naming] = {}


def naming_register(kind: str, naming: Naming) -> None:
    """Name the rows of a type; a later call takes the place of an earlier one."""
    _namings[kind] = naming


def names_of(things: Iterable[str]) -> dict[str, Named]:
    """Each `type:id` with its name, in one query a type."""
    wanted = {thing: Named(_words(thing)) for thing in things}
    by_kind: dict[str, list[str]] = defaultdict(list)
    for thing in wanted:
        kind, _, identifier = thing.partition(":")
        if kind in _namings:
            by_kind[kind].append(identifier)
    for kind, identifiers in by_kind.items():
        for identifier, name in _namings[kind].names(identifiers).items():
            wanted[f"{kind}:{identifier}"] = name
    return wanted


def _words(thing: str) -> str:
    """A name for who acts without being a row of a table; anything else stays as it stands."""
    kind, _, identifier = thing.partition(":")
    words = _ACTORS.get(kind)
    return f"{words} {identifier}" if words and identifier else thing


def meant(kind: str, text: str) -> list[str]:
    """The ids of a type that a typed text means: the text itself, and what its owner finds by it."""
    found = list(_namings[kind].find(text)) if kind in _namings else []
    return [text, *(identifier for identifier in found if identifier != text)]
