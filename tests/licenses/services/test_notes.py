"""Notes of staff on a license: kept, changed and deleted by their author alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from config.kit.errors import Invalid
from history.models import Event
from licenses.models import LicenseNote
from licenses.services.notes import note_add, note_delete, note_edit
from licenses.services.own_notes import LONGEST, NoteGone, NoteOfAnother


@pytest.fixture
def ada(make_user):
    return make_user("license manager", email="ada@signet.example")


@pytest.fixture
def note(make_license, ada, at):
    return note_add(license=make_license(), text="Called them.", author=ada, actor=f"user:{ada.pk}", at=at)


def noted():
    return list(Event.objects.filter(kind="license.noted").order_by("pk").values_list("data", flat=True))


def test_a_note_is_kept_and_history_holds_no_word_of_it(note, ada, at):
    """D7: who wrote and when; the text stays erasable."""
    assert (note.text, note.author, note.created_at) == ("Called them.", ada, at)
    event = Event.objects.get(kind="license.noted")
    assert (event.subject, event.actor) == (f"license:{note.license.public_id}", f"user:{ada.pk}")
    assert event.data == {"note": note.pk, "change": "added", "length": 12}


def test_its_author_changes_a_note(note, ada, at):
    later = at + timedelta(hours=1)
    row = note_edit(note=note, text="Called them\r\ntwice. ", author=ada, actor="user:1", at=later)
    assert (row.text, row.edited_at, row.created_at) == ("Called them\ntwice.", later, at)
    assert [data["change"] for data in noted()] == ["added", "edited"]


def test_the_same_text_changes_nothing(note, ada, at):
    assert note_edit(note=note, text=" Called them. ", author=ada, actor="user:1", at=at).edited_at is None
    assert len(noted()) == 1


def test_its_author_deletes_a_note(note, ada, at):
    note_delete(note=note, author=ada, actor="user:1", at=at)
    assert not LicenseNote.objects.exists()
    assert [data["change"] for data in noted()] == ["added", "deleted"]


def test_a_note_of_another_stays_as_it_is(note, superadmin, at):
    """D15: not even a superadmin puts words into another's mouth."""
    with pytest.raises(NoteOfAnother):
        note_edit(note=note, text="x", author=superadmin, actor="user:1", at=at)
    with pytest.raises(NoteOfAnother):
        note_delete(note=note, author=superadmin, actor="user:1", at=at)
    assert LicenseNote.objects.get().text == "Called them."
    assert len(noted()) == 1


def test_a_note_that_is_gone_is_neither_changed_nor_deleted(note, ada, at):
    note_delete(note=LicenseNote.objects.get(), author=ada, actor="user:1", at=at)
    with pytest.raises(NoteGone):
        note_edit(note=note, text="x", author=ada, actor="user:1", at=at)


@pytest.mark.parametrize("text", ["", " \r\n ", "x" * (LONGEST + 1), "a\x00b"])
def test_what_is_no_note_is_refused(make_license, ada, at, text):
    with pytest.raises(Invalid) as refused:
        note_add(license=make_license(), text=text, author=ada, actor="user:1", at=at)
    assert refused.value.errors[0].field == "text"
    assert not LicenseNote.objects.exists()
