"""Notes of staff on a license. Only its author changes or deletes one; history keeps that, never the text."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import User
from history.services import record
from licenses.models import License, LicenseNote
from licenses.services.own_notes import own_note, text_checked, text_write


def note_add(
    *,
    license: License,  # noqa: A002 - the word of the vocabulary
    text: str,
    author: User | None,
    actor: str,
    at: datetime,
) -> LicenseNote:
    """Write a note; without an author it is the actor's, as of a key, and stays as it is.

    Raises Invalid when it is empty or longer than `LONGEST` characters.
    """
    text = text_checked(text)
    with transaction.atomic():
        note = LicenseNote.objects.create(
            license=license, author=author, written_by="" if author else actor, text=text, created_at=at
        )
        _record(note, license, "added", actor, at)
    return note


def note_edit(*, note: LicenseNote, text: str, author: User, actor: str, at: datetime) -> LicenseNote:
    """Change one's own note; the same text changes nothing. Raises Invalid, NoteOfAnother, NoteGone."""
    text = text_checked(text)
    with transaction.atomic():
        row = own_note(_rows(), note, author)
        if text_write(row, text, at):
            _record(row, row.license, "edited", actor, at)
    return row


def note_delete(*, note: LicenseNote, author: User, actor: str, at: datetime) -> None:
    """Delete one's own note; its text is gone. Raises NoteOfAnother, NoteGone."""
    with transaction.atomic():
        row = own_note(_rows(), note, author)
        _record(row, row.license, "deleted", actor, at)
        row.delete()


def _rows() -> QuerySet[LicenseNote]:
    return LicenseNote.objects.select_related("license__account")


def _record(note: LicenseNote, row: License, change: str, actor: str, at: datetime) -> None:
    record(
        kind="license.noted",
        subject=f"license:{row.public_id}",
        account=row.account.customer_id,
        actor=actor,
        data={"note": note.pk, "change": change, "length": len(note.text)},
        at=at,
    )
