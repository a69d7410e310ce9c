"""The menu of the admin: its entries, and the sections that rooms add without being known.

A room registers a section of its own, and any app adds its pages to one, each with one call in its `ready`:

    section_register(Section(name="crm", title="CRM", after="Customers", shown=crm_is_shown))
    entry_register("crm", Entry("People", "contacts", "admin:crm_person_changelist", needs("crm.view_person")))
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse


def needs(*permissions: str) -> Callable[[HttpRequest], bool]:
    """Any one of these permissions."""
    return lambda request: any(request.user.has_perm(name) for name in permissions)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the menu. `besides` are pages below its address that have a line of their own."""

    title: str
    icon: str
    url: str
    allowed: Callable[[HttpRequest], bool]
    besides: tuple[str, ...] = field(default=())

    def item(self, request: HttpRequest) -> dict[str, Any]:
        address = reverse(self.url)
        elsewhere = any(request.path.startswith(reverse(url)) for url in self.besides)
        active = request.path.startswith(address) and not elsewhere
        return {"title": self.title, "icon": self.icon, "link": address, "active": lambda _request: active}

    @property
    def is_there(self) -> bool:
        """Whether its page is installed at all."""
        try:
            reverse(self.url)
        except NoReverseMatch:
            return False
        return True


Group = tuple[str, tuple[Entry, ...]]


def everybody(_request: HttpRequest) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A group of the menu that a room adds, behind the group of the title `after`, while `shown` says so."""

    name: str
    title: str
    after: str = ""
    shown: Callable[[HttpRequest], bool] = everybody


_sections: dict[str, Section] = {}
_entries: dict[str, dict[str, tuple[int, Entry]]] = {}


def section_register(section: Section) -> None:
    """Add a section; one of the same name takes its place."""
    _sections[section.name] = section


def entry_register(section: str, entry: Entry, *, order: int = 100) -> None:
    """Add a page to a section, which may be registered later, or never; or to a group, by its title.

    The first of a title stays. A page that is not installed (`url` has no address) is left out.
    """
    _entries.setdefault(section, {}).setdefault(entry.title, (order, entry))


def section_entries(name: str) -> tuple[Entry, ...]:
    """The pages of a section that are installed, in their order."""
    found = sorted(_entries.get(name, {}).values(), key=lambda pair: pair[0])
    return tuple(entry for _, entry in found if entry.is_there)


def groups(menu: tuple[Group, ...], request: HttpRequest) -> Iterator[Group]:
    """The menu with the sections that are shown, each behind its group; at the end those behind none."""
    shown = [section for section in _sections.values() if section.shown(request)]
    titles = {title for title, _ in menu}
    for title, entries in menu:
        yield title, (*entries, *section_entries(title))
        for section in shown:
            if section.after == title:
                yield section.title, section_entries(section.name)
    for section in shown:
        if section.after not in titles:
            yield section.title, section_entries(section.name)
