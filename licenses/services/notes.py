"""Notes of staff on a license. Only its author changes or deletes one; history keeps that, never the text."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts.models import User
from config.kit.errors import FieldError, Forbidden, Invalid, NotFound
from config.kit.locks import locked
from history.services import record
from licenses.models import License, LicenseNote

LONGEST = 10_000


class NoteOfAnother(Forbidden):
    code = "note_of_another"
    title = "Only its author may change or delete a note."


class NoteGone(NotFound):
    code = "note_gone"
    title = "This note was deleted meanwhile."


def note_add(*, license: License, text: str, author: User, actor: str, at: datetime) -> LicenseNote:  # noqa: A002 - the word of the vocabulary
    """Write a note. Raises Invalid when it is empty or longer than `LONGEST` characters."""
    text = _checked(text)
    with transaction.atomic():
        note = LicenseNote.objects.create(license=license, author=author, text=text, created_at=at)
        _record(note, license, "added", actor, at)
    return note


def note_edit(*, note: LicenseNote, text: str, author: User, actor: str, at: datetime) -> LicenseNote:
    """Change one's own note; the same text changes nothing. Raises Invalid, NoteOfAnother, NoteGone."""
    text = _checked(text)
    with transaction.atomic():
        row = _lock_own(note, author)
        if text == row.text:
            return row
        row.text, row.edited_at = text, at
        row.save(update_fields=["text", "edited_at"])
        _record(row, row.license, "edited", actor, at)
    return row


def note_delete(*, note: LicenseNote, author: User, actor: str, at: datetime) -> None:
    """Delete one's own note; its text is gone. Raises NoteOfAnother, NoteGone."""
    with transaction.atomic():
        row = _lock_own(note, author)
        _record(row, row.license, "deleted", actor, at)
        row.delete()


def _lock_own(note: LicenseNote, author: User) -> LicenseNote:
    row = locked(LicenseNote.objects.select_related("license__account").filter(pk=note.pk)).first()
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


def _record(note: LicenseNote, row: License, change: str, actor: str, at: datetime) -> None:
    record(
        kind="license.noted",
        subject=f"license:{row.public_id}",
        account=row.account.customer_id,
        actor=actor,
        data={"note": note.pk, "change": change, "length": len(note.text)},
        at=at,
    )
