"""Changing and deleting one's own note on a person."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse

from accounts.models import User
from config.kit import actors
from config.kit.clock import now
from config.kit.display import page_of
from config.kit.forms import posted
from crm.admin.forms import NoteForm
from crm.admin.person_dialogs import MANAGE
from crm.models import Person
from crm.services.notes import person_note_delete, person_note_edit
from licenses.admin.own_notes import Place, note_delete_page, note_edit_page, own_note


def edit_view(request: HttpRequest, row: Person, pk: int) -> HttpResponse:
    """Change one's own note."""
    place = _place(row)
    author = place.author(request)
    found = own_note(row.notes.all(), pk, author)
    form = NoteForm(posted(request), initial={"text": found.text})
    return note_edit_page(
        request, place, form, lambda data: person_note_edit(note=found, text=data["text"], **_by(author))
    )


def delete_view(request: HttpRequest, row: Person, pk: int) -> HttpResponse:
    """Delete one's own note."""
    place = _place(row)
    author = place.author(request)
    found = own_note(row.notes.all(), pk, author)
    return note_delete_page(request, place, found, lambda: person_note_delete(note=found, **_by(author)))


def _place(row: Person) -> Place:
    return Place(row, str(row), f"{page_of(row)}#timeline", MANAGE)


def _by(author: User) -> dict[str, Any]:
    return {"author": author, "actor": actors.user(author), "at": now()}
