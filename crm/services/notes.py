"""Notes of staff on a person. Only its author changes or deletes one; history keeps that, never the text."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts.models import User
from config.kit.errors import FieldError, Invalid
from config.kit.locks import locked
from crm.errors import NoteGone, NoteOfAnother
from crm.models import Person, PersonNote
from history.domain.kinds import Kind
from history.services import record

LONGEST = 10_000


def person_note_add(*, person: Person, text: str, author: User, actor: str, at: datetime) -> PersonNote:
    """Write a note. Raises Invalid when it is empty or longer than `LONGEST` characters."""
    text = _checked(text)
    with transaction.atomic():
        note = PersonNote.objects.create(person=person, author=author, text=text, created_at=at)
        _record(note, "added", actor, at)
    return note


def person_note_edit(*, note: PersonNote, text: str, author: User, actor: str, at: datetime) -> PersonNote:
    """Change one's own note; the same text changes nothing. Raises Invalid, NoteOfAnother, NoteGone."""
    text = _checked(text)
    with transaction.atomic():
        row = _own(note, author)
        if text != row.text:
            row.text, row.edited_at = text, at
            row.save(update_fields=["text", "edited_at"])
            _record(row, "edited", actor, at)
    return row


def person_note_delete(*, note: PersonNote, author: User, actor: str, at: datetime) -> None:
    """Delete one's own note; its text is gone. Raises NoteOfAnother, NoteGone."""
    with transaction.atomic():
        row = _own(note, author)
        _record(row, "deleted", actor, at)
        row.delete()


def _own(note: PersonNote, author: User) -> PersonNote:
    row = locked(PersonNote.objects.select_related("person").filter(pk=note.pk)).first()
    if row is None:
        raise NoteGone
    if row.author_id != author.pk:
        raise NoteOfAnother
    return row


def _checked(text: str) -> str:
    text = text.replace("\r\n", "\n").strip()
    if not text:
        raise Invalid([FieldError("text", "required", "Write something.")])
    if len(text) > LONGEST:
        raise Invalid([FieldError("text", "too_long", f"{LONGEST:,} characters at most.")])
    if "\x00" in text:  # PostgreSQL takes none
        raise Invalid([FieldError("text", "bad_text", "A NUL character cannot be kept.")])
    return text


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
