"""Notes of staff on a person. Only its author changes or deletes one; history keeps that, never the text."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import User
from crm.models import Person, PersonNote
from history.domain.kinds import Kind
from history.services import record
from licenses.services.own_notes import own_note, text_checked, text_write


def person_note_add(*, person: Person, text: str, author: User, actor: str, at: datetime) -> PersonNote:
    """Write a note. Raises Invalid when it is empty or longer than `LONGEST` characters."""
    text = text_checked(text)
    with transaction.atomic():
        note = PersonNote.objects.create(person=person, author=author, text=text, created_at=at)
        _record(note, "added", actor, at)
    return note


def person_note_edit(*, note: PersonNote, text: str, author: User, actor: str, at: datetime) -> PersonNote:
    """Change one's own note; the same text changes nothing. Raises Invalid, NoteOfAnother, NoteGone."""
    text = text_checked(text)
    with transaction.atomic():
        row = own_note(_rows(), note, author)
        if text_write(row, text, at):
            _record(row, "edited", actor, at)
    return row


def person_note_delete(*, note: PersonNote, author: User, actor: str, at: datetime) -> None:
    """Delete one's own note; its text is gone. Raises NoteOfAnother, NoteGone."""
    with transaction.atomic():
        row = own_note(_rows(), note, author)
        _record(row, "deleted", actor, at)
        row.delete()


def _rows() -> QuerySet[PersonNote]:
    return PersonNote.objects.select_related("person")


def _record(note: PersonNote, change: str, actor: str, at: datetime) -> None:
    account = note.person.account
    record(
        kind=Kind.PERSON_NOTED,
        subject=f"person:{note.person.uid}",
        account=account.customer_id if account else "",
        actor=actor,
        data={"note": str(note.uid), "change": change, "length": len(note.text)},
        at=at,
    )
