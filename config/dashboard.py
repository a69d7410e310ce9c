"""The first page: what there is and what needs doing (D11). Every number leads to the list that it counts.

Charts are lists of bars drawn with SVG attributes: no script, no inline style. Where licenses are many, their
figures were counted within the last minute or so and the page says as of when (see `kept_figures`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count
from django.http import HttpRequest
from django.urls import reverse

from config.kept_figures import figures_kept
from config.kit.display import instant
from history.models import Event
from history.selectors import tree_size
from licenses.domain.enums import KeyState
from licenses.figures import Figure
from licenses.models import SigningKey

WIDTH = 100


@dataclass(frozen=True, slots=True)
class Card:
    title: str
    number: int
    url: str
    note: str = ""

    @property
    def shown(self) -> str:
        return f"{self.number:,}"


@dataclass(frozen=True, slots=True)
class Bar:
    """A line of a chart. `width` is of 100."""

    name: str
    number: int
    url: str
    width: float

    @property
    def shown(self) -> str:
        return f"{self.number:,}"


@dataclass(frozen=True, slots=True)
class Chart:
    title: str
    bars: tuple[Bar, ...]
    empty: str = "Nothing yet."


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    cards: tuple[Card, ...]
    charts: tuple[Chart, ...] = ()
    note: str = ""


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the groups that this member of staff may see."""
    groups: tuple[tuple[str, Callable[[], Iterator[Group]]], ...] = (
        ("licenses.view_license", lambda: _licenses(fresh="fresh" in request.GET)),
        ("licenses.view_signingkey", _keys),
        ("history.view_event", _history),
    )
    shown = [group for permission, made in groups if request.user.has_perm(permission) for group in made()]
    return {**context, "groups": shown}


def _licenses(*, fresh: bool) -> Iterator[Group]:
    figures, as_of = figures_kept(fresh=fresh)
    note = f"As of {instant(as_of)}." if as_of else ""
    yield Group("Licenses", _cards(figures.statuses), note=note)
    yield Group("Coming and past ends", _cards(figures.ends))
    yield Group("Test keys and internal licenses, apart", _cards(figures.apart))
    charts = (
        Chart("By kind", _bars(figures.kinds)),
        Chart("By product", _bars(figures.products)),
        Chart("Issued in the last twelve months", _bars(figures.months, "licenses_issuance")),
        Chart("Accounts with most licenses", _bars(figures.accounts)),
    )
    yield Group("Spread", (), charts)


def _cards(figures: Iterable[Figure]) -> tuple[Card, ...]:
    return tuple(
        Card(figure.name, figure.count, _list("licenses_license", **figure.filters)) for figure in figures
    )


def _bars(figures: Iterable[Figure], of: str = "licenses_license") -> tuple[Bar, ...]:
    rows = tuple(figures)
    largest = max((figure.count for figure in rows), default=0)
    if not largest:
        return ()
    return tuple(
        Bar(figure.name, figure.count, _list(of, **figure.filters), round(WIDTH * figure.count / largest, 1))
        for figure in rows
    )


def _keys() -> Iterator[Group]:
    counted = dict(SigningKey.objects.order_by().values_list("state").annotate(Count("pk")))
    cards = (
        Card(
            state.value.capitalize(),
            counted.get(state.value, 0),
            _list("licenses_signingkey", state__exact=state.value),
        )
        for state in KeyState
    )
    yield Group("Signing keys", tuple(cards))


def _history() -> Iterator[Group]:
    waiting = Event.objects.filter(entry=None).count()
    note = "they get their place within seconds" if waiting else "every event has its place"
    cards = (
        Card(
            "Events in the tree",
            tree_size(),
            _list("history_event", entry__isnull=False),
            "the head of the history",
        ),
        Card("Waiting for their place", waiting, _list("history_event", entry__isnull=True), note),
    )
    yield Group("History", cards)


def _list(name: str, **filters: object) -> str:
    query = urlencode(sorted(filters.items()))  # jsonb keeps no order of its keys
    return reverse(f"admin:{name}_changelist") + (f"?{query}" if query else "")
