"""What the page of a trial is made of: sections below the facts, and buttons with a form behind each.

Rooms above this one add theirs without being known here: they call `section_register` and `dialog_register`
from their `admin` package. The first of a slug stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from django.http import HttpRequest

from config.kit import actors
from config.kit.forms import ServiceForm, posted
from trials.models import Trial

Part = TypeVar("Part", "Section", "Dialog")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a dialog is about: who asks, of which row, and the one instant of the request."""

    request: HttpRequest
    row: Any
    at: datetime

    @property
    def actor(self) -> str:
        """The actor that services record."""
        return actors.user(self.request.user)


def plain_form(asked: Asked) -> ServiceForm:
    """A form that only asks to be sure."""
    return ServiceForm(posted(asked.request))


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialog:
    """A button of a page and the form behind it, below the page's address at `<slug>/`.

    Whom `allowed` refuses sees no button and gets 403. `fits` hides the button where the row's state does not
    allow it; pressing it all the same gives the service's refusal. `says` are the sentences that tell what
    pressing will do. `act` calls the service with the valid form and returns what staff read afterwards.
    A trial's dialog `on_card` has its button on the cards of the board, too. `leads_to` is the page to go on with
    where the row's own is gone.
    """

    slug: str
    title: str
    icon: str
    order: int
    allowed: Callable[[HttpRequest], bool]
    says: Callable[[Asked], Sequence[str]]
    act: Callable[[Asked, Mapping[str, Any]], str]
    form: Callable[[Asked], ServiceForm] = field(default=plain_form)
    fits: Callable[[Any], bool] = field(default=lambda _row: True)
    submit: str = ""
    danger: bool = False
    on_card: bool = False
    leads_to: Callable[[], str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the page of a trial, absent for whom `allowed` refuses. `content` is the context of `template`."""

    slug: str
    title: str
    order: int
    template: str
    content: Callable[[HttpRequest, Trial, datetime], Mapping[str, Any]]
    allowed: Callable[[HttpRequest], bool] = field(default=lambda _request: True)


_sections: dict[str, Section] = {}
_dialogs: dict[str, Dialog] = {}


def section_register(section: Section) -> None:
    """Add a section to the page of every trial."""
    _sections.setdefault(section.slug, section)


def dialog_register(dialog: Dialog) -> None:
    """Add a button with its form to the page of every trial."""
    _dialogs.setdefault(dialog.slug, dialog)


def sections() -> list[Section]:
    """All sections, in their order."""
    return _in_order(_sections)


def dialogs() -> list[Dialog]:
    """All dialogs of a trial, in their order."""
    return _in_order(_dialogs)


def needs(permission: str) -> Callable[[HttpRequest], bool]:
    """Only for who holds this permission."""
    return lambda request: request.user.has_perm(permission)


def _in_order(parts: dict[str, Part]) -> list[Part]:
    return sorted(parts.values(), key=lambda part: (part.order, part.slug))
