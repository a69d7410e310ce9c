"""What the page of an account is made of, and the list's columns: numbers, buttons and tabs of every room.

Rooms above this one add theirs from their `admin` package without being known here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.models import Account
from config.kit.admin import COUNT_LIMIT
from config.kit.display import page_of

Part = TypeVar("Part", "Number", "Button", "Tab", "Column")


def everybody(_request: HttpRequest) -> bool:
    return True


def needs(*permissions: str) -> Callable[[HttpRequest], bool]:
    """Any one of these permissions."""
    return lambda request: any(request.user.has_perm(name) for name in permissions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A number about an account that leads to the list which it counts: both have the same rows."""

    slug: str
    title: str
    order: int
    rows: Callable[[Account], QuerySet[Any]]
    url: Callable[[Account], str]
    allowed: Callable[[HttpRequest], bool]

    def shown(self, account: Account) -> str:
        """Exact up to a bound, for a number must not cost more than the page."""
        counted = self.rows(account).order_by()[: COUNT_LIMIT + 1].count()
        return f"{counted:,}" if counted <= COUNT_LIMIT else f"{COUNT_LIMIT:,}+"


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """A button of the page. With `dialog` its page opens in a dialog; `fits` hides it where it makes no sense."""

    slug: str
    title: str
    icon: str
    order: int
    url: Callable[[Account], str]
    allowed: Callable[[HttpRequest], bool]
    fits: Callable[[Account], bool] = field(default=lambda _account: True)
    dialog: bool = False
    front: bool = True
    danger: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    """A tab of the page, at `?tab=<slug>`. `content` gives the context of `template`, beside `row` and `tab`."""

    slug: str
    title: str
    order: int
    template: str
    content: Callable[[HttpRequest, Account], Mapping[str, Any]]
    allowed: Callable[[HttpRequest], bool] = everybody


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of the list, whose values are read for all rows of a page at once."""

    slug: str
    title: str
    order: int
    values: Callable[[Sequence[Account]], Mapping[int, Any]]
    allowed: Callable[[HttpRequest], bool]
    empty: Any = "-"


_numbers: dict[str, Number] = {}
_buttons: dict[str, Button] = {}
_tabs: dict[str, Tab] = {}
_columns: dict[str, Column] = {}
_filters: list[Any] = []


def number_register(number: Number) -> None:
    _numbers.setdefault(number.slug, number)


def button_register(button: Button) -> None:
    _buttons.setdefault(button.slug, button)


def tab_register(tab: Tab) -> None:
    _tabs.setdefault(tab.slug, tab)


def column_register(column: Column) -> None:
    _columns.setdefault(column.slug, column)


def filter_register(spec: Any) -> None:
    """Add a filter to the list of accounts."""
    if spec not in _filters:
        _filters.append(spec)


def numbers(request: HttpRequest) -> list[Number]:
    return _allowed(_numbers, request)


def buttons(request: HttpRequest, account: Account) -> list[Button]:
    return [button for button in _allowed(_buttons, request) if button.fits(account)]


def tabs(request: HttpRequest) -> list[Tab]:
    return _allowed(_tabs, request)


def columns(request: HttpRequest) -> list[Column]:
    return _allowed(_columns, request)


def filters() -> tuple[Any, ...]:
    return tuple(_filters)


def tab_url(account: Account, slug: str) -> str:
    """The address of a tab."""
    return f"{page_of(account)}?tab={slug}"


def _allowed(parts: dict[str, Part], request: HttpRequest) -> list[Part]:
    found = sorted(parts.values(), key=lambda part: (part.order, part.slug))
    return [part for part in found if part.allowed(request)]
