"""What notes of staff have in common, whatever they are on: a text, and an author who alone changes or deletes it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

from django.db import models

from accounts.models import User
from config.kit.errors import FieldError, Forbidden, Invalid, NotFound
from config.kit.locks import locked

LONGEST = 10_000
Note = TypeVar("Note", bound=models.Model)


class NoteOfAnother(Forbidden):
    code = "note_of_another"
    title = "Only its author may change or delete a note."


class NoteGone(NotFound):
    code = "note_gone"
    title = "This note was deleted meanwhile."


def own_note(rows: models.QuerySet[Note], note: Note, author: User) -> Note:
    """One's own note among `rows`, locked. Raises NoteOfAnother, NoteGone."""
    row: Any = locked(rows.filter(pk=note.pk)).first()
    if row is None:
        raise NoteGone
    if row.author_id != author.pk:
        raise NoteOfAnother
    found: Note = row
    return found


def text_write(row: Any, text: str, at: datetime) -> bool:
    """Write a checked text into a locked note; False when it is the same."""
    if text == row.text:
        return False
    row.text, row.edited_at = text, at
    row.save(update_fields=["text", "edited_at"])
    return True


def text_checked(text: str) -> str:
    """The text as it is kept. Raises Invalid when it is empty or longer than `LONGEST` characters."""
    text = text.replace("\r\n", "\n").strip()
    if not text:
        raise Invalid([FieldError("text", "required", "Write something.")])
    if len(text) > LONGEST:
        raise Invalid([FieldError("text", "too_long", f"{LONGEST:,} characters at most.")])
    if "\x00" in text:  # PostgreSQL takes none
        raise Invalid([FieldError("text", "bad_text", "A NUL character cannot be kept.")])
    return text
