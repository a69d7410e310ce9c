"""Changing and deleting one's own note, whatever it is on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect

from accounts.models import User
from config.kit.forms import ServiceForm, posted
from config.kit.pages import form_page
from licenses.admin.people import staff

Note = TypeVar("Note", bound=models.Model)


@dataclass(frozen=True, slots=True)
class Place:
    """What a note is on: its row, what that is called, where its timeline is, and the permission to write there."""

    row: models.Model
    called: str
    timeline: str
    permission: str

    def author(self, request: HttpRequest) -> User:
        """Raises PermissionDenied."""
        if not request.user.has_perm(self.permission):
            raise PermissionDenied
        return staff(request)

    def page(
        self, request: HttpRequest, form: ServiceForm, submit: str, *says: str, danger: bool = False
    ) -> HttpResponse:
        return form_page(
            request, form, title=f"{submit}: {self.called}", submit=submit, consequences=says, danger=danger,
            back=self.timeline, opts=self.row._meta, original=self.row,
        )  # fmt: skip

    def back(self, request: HttpRequest, said: str) -> HttpResponse:
        messages.success(request, said)
        return HttpResponseRedirect(self.timeline)


def own_note(rows: models.QuerySet[Note], pk: int, author: User) -> Note:
    """Raises Http404, PermissionDenied."""
    found: Any = rows.filter(pk=pk).first()
    if found is None:
        raise Http404
    if found.author_id != author.pk:
        raise PermissionDenied
    note: Note = found
    return note


def note_edit_page(
    request: HttpRequest, place: Place, form: ServiceForm, edit: Callable[[dict[str, Any]], Any]
) -> HttpResponse:
    if form.submit(request, edit) is not None:
        return place.back(request, "Changed.")
    says = "The note keeps its place; the timeline says that it was changed later."
    return place.page(request, form, "Change note", says)


def note_delete_page(
    request: HttpRequest, place: Place, note: models.Model, delete: Callable[[], None]
) -> HttpResponse:
    form = ServiceForm(posted(request))

    def do(_data: dict[str, Any]) -> bool:
        delete()
        return True

    if form.submit(request, do):
        return place.back(request, "The note was deleted.")
    says = (f"“{note}” is gone for good.", "The timeline keeps that there was a note, and who deleted it.")
    return place.page(request, form, "Delete note", *says, danger=True)
