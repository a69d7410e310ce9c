"""What the page of a license is made of: tabs, and buttons with a form behind each.

Rooms above this one add theirs without being known here: they call `tab_register` and `dialog_register`
from their `admin` package. The first of a slug stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponse

from config.kit import actors
from licenses.admin.display import page_of
from licenses.admin.forms import ServiceForm
from licenses.models import License

Part = TypeVar("Part", "Tab", "Dialog")


@dataclass(frozen=True, slots=True)
class View:
    """An address that belongs to a tab: `route` below the license's, `admin:licenses_license_<name>`.

    `view` is called with the request, the license and what the route captures, after the license's page and
    the tab have allowed the request.
    """

    route: str
    name: str
    view: Callable[..., HttpResponse]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    """A tab of the page, at `?tab=<slug>`, and absent for whom `allowed` refuses.

    `content` is called only when the tab is the chosen one; what it returns is the context of `template`,
    beside `row` (the license with its account, product and plan), `tab` and `facts`. `views` are addresses
    of its own, for what it posts.
    """

    slug: str
    title: str
    order: int
    template: str
    content: Callable[[HttpRequest, License], Mapping[str, Any]]
    allowed: Callable[[HttpRequest], bool] = field(default=lambda _request: True)
    views: tuple[View, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What a dialog is about: who asks, of which license, and the one instant of the request."""

    request: HttpRequest
    row: License
    at: datetime

    @property
    def actor(self) -> str:
        """The actor that services record."""
        return actors.user(self.request.user)

    @property
    def seen(self) -> str:
        """What the form was shown with, as `Dialog.seen` said it then; empty for who posts without a page."""
        return self.request.POST.get("seen", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialog:
    """A button of the page and the form behind it, at `admin:licenses_license_<slug>`.

    It opens in a dialog, and as a page without scripts or when `wide`. Whom `allowed` refuses sees no
    button and gets 403; it is asked with None for the rows of the list. `fits` hides the button where the
    license's state does not allow it; pressing it all the same gives the service's refusal.

    `form` gives the form, bound to `licenses.admin.forms.posted(asked.request)`. `says` are the sentences
    that tell what pressing will do; `preview`, where there is one, those that depend on what the form holds
    just now: it asks a selector with the valid form and may refuse like `act`. `act` calls one service with
    the valid form and returns what it did, never None; its refusals go to the fields. `done` answers: a
    response, or context with which the same page is shown again. `seen` names the state that is decided
    upon: the form posts it back, and `act` gives it to the service, so that a second press decides nothing.
    """

    slug: str
    title: str
    icon: str
    order: int
    allowed: Callable[[HttpRequest, License | None], bool]
    form: Callable[[Asked], ServiceForm]
    says: Callable[[Asked], Sequence[str]]
    act: Callable[[Asked, Any], Any]
    done: Callable[[Asked, Any], HttpResponse | Mapping[str, Any]]
    fits: Callable[[License], bool] = field(default=lambda _row: True)
    preview: Callable[[Asked, Any], Sequence[str]] | None = None
    seen: Callable[[Asked], object] | None = None
    submit: str = ""
    front: bool = False
    danger: bool = False
    wide: bool = False
    template: str = "admin/signet/dialog.html"

    @property
    def url_name(self) -> str:
        """Name of its address, which takes the license's primary key."""
        return f"licenses_license_{self.slug}"


_tabs: dict[str, Tab] = {}
_dialogs: dict[str, Dialog] = {}


def tab_register(tab: Tab) -> None:
    """Add a tab to the page of every license."""
    _tabs.setdefault(tab.slug, tab)


def dialog_register(dialog: Dialog) -> None:
    """Add a button with its form to the page of every license."""
    _dialogs.setdefault(dialog.slug, dialog)


def tabs() -> list[Tab]:
    """All tabs, in their order."""
    return _in_order(_tabs)


def dialogs() -> list[Dialog]:
    """All dialogs, in their order."""
    return _in_order(_dialogs)


def tab_url(row: License, slug: str) -> str:
    """The address of a tab."""
    return f"{page_of(row)}?tab={slug}"


def dialog(slug: str) -> Dialog | None:
    """The dialog of this slug."""
    return _dialogs.get(slug)


def _in_order(parts: dict[str, Part]) -> list[Part]:
    return sorted(parts.values(), key=lambda part: (part.order, part.slug))
