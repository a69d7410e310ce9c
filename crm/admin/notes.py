"""Changing and deleting one's own note on a person."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect

from accounts.models import User
from config.kit import actors
from config.kit.clock import now
from config.kit.display import page_of
from config.kit.forms import ServiceForm, posted
from config.kit.pages import form_page
from crm.admin.forms import NoteForm
from crm.admin.person_dialogs import MANAGE
from crm.models import Person, PersonNote
from crm.services.notes import person_note_delete, person_note_edit
from licenses.admin.people import staff


def edit_view(request: HttpRequest, row: Person, pk: int) -> HttpResponse:
    """Change one's own note."""
    author = _author(request)
    found = _own(row, pk, author)
    form = NoteForm(posted(request), initial={"text": found.text})
    by: dict[str, Any] = {"author": author, "actor": actors.user(author), "at": now()}
    if form.submit(request, lambda data: person_note_edit(note=found, text=data["text"], **by)) is not None:
        return _back(request, row, "Changed.")
    says = ("The note keeps its place; the timeline says that it was changed later.",)
    return _form(request, row, form, "Change note", says)


def delete_view(request: HttpRequest, row: Person, pk: int) -> HttpResponse:
    """Delete one's own note."""
    author = _author(request)
    found = _own(row, pk, author)
    form = ServiceForm(posted(request))

    def delete(_data: dict[str, Any]) -> bool:
        person_note_delete(note=found, author=author, actor=actors.user(author), at=now())
        return True

    if form.submit(request, delete):
        return _back(request, row, "The note was deleted.")
    says = (f"“{found}” is gone for good.", "The timeline keeps that there was a note, and who deleted it.")
    return _form(request, row, form, "Delete note", says, danger=True)


def _author(request: HttpRequest) -> User:
    if not request.user.has_perm(MANAGE):
        raise PermissionDenied
    return staff(request)


def _own(row: Person, pk: int, author: User) -> PersonNote:
    found = PersonNote.objects.filter(person=row, pk=pk).first()
    if found is None:
        raise Http404
    if found.author_id != author.pk:
        raise PermissionDenied
    return found


def _form(
    request: HttpRequest,
    row: Person,
    form: ServiceForm,
    submit: str,
    says: tuple[str, ...],
    *,
    danger: bool = False,
) -> HttpResponse:
    return form_page(
        request, form, title=f"{submit}: {row}", submit=submit, consequences=says, danger=danger,
        back=page_of(row), opts=row._meta, original=row,
    )  # fmt: skip


def _back(request: HttpRequest, row: Person, said: str) -> HttpResponse:
    messages.success(request, said)
    return HttpResponseRedirect(f"{page_of(row)}#timeline")
