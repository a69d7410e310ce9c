"""What happened and what staff wrote down, in one list."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from history.models import Event
from licenses.models import LicenseNote
from licenses.services.lifecycle import license_suspend
from licenses.services.notes import note_add, note_delete
from licenses.services.posture import posture_sweep
from licenses.services.renewing import license_renew

pytestmark = pytest.mark.django_db


@pytest.fixture
def write(license_, license_manager, at):
    """Return a writer of notes: `write("Called.", minutes=5)`, by the license manager unless `by` is given."""

    def make(text, *, by=None, minutes=0):
        author = by or license_manager
        when = at + timedelta(minutes=minutes)
        return note_add(license=license_, text=text, author=author, actor=f"user:{author.pk}", at=when)

    return make


def entries(browser, address):
    return [(entry.what, str(entry.text), entry.by) for entry in browser.get(address).context["entries"]]


def note_url(name, license_, *more):
    return reverse(f"admin:licenses_license_note_{name}", args=[license_.pk, *more])


# --- reading ------------------------------------------------------------------------------------------


def test_events_read_as_sentences_with_who_and_notes_stand_between_them(
    root, license_, license_manager, write, tab, at
):
    """D7: who did what, newest first."""
    write("They pay by wire.", minutes=1)
    license_suspend(
        license=license_, reason="unpaid", actor=f"user:{license_manager.pk}", at=at + timedelta(minutes=2)
    )
    found = entries(root, tab(license_, "timeline"))
    name = str(license_manager)
    suspended = "Suspended, a reason was given. Posture went from valid to invalid."
    assert found[0] == (suspended, '<div class="sg-text">unpaid</div>', name)
    assert found[1] == ("Note", '<div class="sg-text">They pay by wire.</div>', name)
    assert found[2][0].startswith("Signed a jwt key")
    assert found[3][0].startswith("Made a commercial license of demo")
    assert len(found) == 4  # that a note was written is not told twice


def test_the_reason_of_a_renewal_stands_with_it(root, license_, tab, at):
    """A26"""
    license_renew(license=license_, months=12, reason="order 77", channel="admin", actor="cli:test", at=at)
    what, text, _by = entries(root, tab(license_, "timeline"))[0]
    assert what.startswith("Renewed: the end moved from 2027-03-02 to 2028-03-02")
    assert "order 77" in text


def test_the_reason_of_a_suspension_outlives_it(root, manager, license_, page, tab, clock):
    """C25, D7: why it was held and why it was let go, each with its own event."""
    manager.post(page(license_, "suspend"), {"reason": "INVOICE-4711 open"})
    clock.set(clock.at + timedelta(hours=1))
    manager.post(page(license_, "reinstate"), {"reason": "it was paid"})
    given = [
        text for what, text, _by in entries(root, tab(license_, "timeline")) if "reason was given" in what
    ]
    assert given == ['<div class="sg-text">it was paid</div>', '<div class="sg-text">INVOICE-4711 open</div>']


def test_a_posture_that_changed_by_itself_stands_alone(root, license_, tab, at):
    """A13"""
    posture_sweep(at=at + timedelta(days=340))
    what, _text, by = entries(root, tab(license_, "timeline"))[0]
    assert (what, by) == ("Posture went from valid to warning.", "Signet, posture-sweep")


def test_that_a_note_was_deleted_stays(root, license_, license_manager, write, tab, at):
    note_delete(note=write("oops"), author=license_manager, actor=f"user:{license_manager.pk}", at=at)
    found = entries(root, tab(license_, "timeline"))
    assert "Deleted a note." in [what for what, _, _ in found]
    assert "oops" not in str(found)


def test_a_long_timeline_has_pages(root, license_, write, tab):
    for number in range(60):
        write(f"note {number}", minutes=number)
    first, second = root.get(tab(license_, "timeline")), root.get(tab(license_, "timeline", page=2))
    assert [len(answer.context["entries"]) for answer in (first, second)] == [50, 12]
    assert "note 59" in str(first.context["entries"][0].text)
    assert first.context["older"].endswith("page=2")
    assert (second.context["older"], second.context["newer"][-6:]) == ("", "page=1")


@pytest.mark.parametrize("number", ["0", "-1", "x", "99999999999999999999", "3"])
def test_a_page_that_is_not_there_is_no_error(root, license_, tab, number):
    assert root.get(tab(license_, "timeline", page=number)).status_code == 200


def test_who_may_not_see_the_history_sees_the_notes_alone(tester, license_, write, tab):
    """D15"""
    write("Called.")
    answer = tester.get(tab(license_, "timeline"))
    assert [entry.what for entry in answer.context["entries"]] == ["Note"]
    assert "open to who may see the history" in answer.content.decode()


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("see https://a.example/x?y=1&z=2.", ["https://a.example/x?y=1&amp;z=2"]),
        ("(http://a.example/b) and HTTPS://B.example", ["http://a.example/b", "HTTPS://B.example"]),
        ("javascript:alert(1) data:text/html,x ftp://a.example www.a.example", []),
        ('https://a.example/"onmouseover="x', ["https://a.example/"]),
        ("https://a.example/<b>", ["https://a.example/"]),
    ],
)
def test_only_web_addresses_become_links_and_safe_ones(root, license_, write, tab, text, links):
    write(text)
    shown = str(root.get(tab(license_, "timeline")).context["entries"][0].text)
    assert shown.count("<a ") == len(links)
    for link in links:
        assert (
            f'<a href="{link}" class="text-link" rel="noopener noreferrer nofollow" target="_blank">{link}</a>'
            in shown
        )
    assert "<b>" not in shown


# --- writing ------------------------------------------------------------------------------------------


def test_a_note_is_written_from_the_page(manager, license_manager, license_, at):
    answer = manager.post(note_url("add", license_), {"text": "Called.\r\nTwice."}, follow=True)
    assert answer.redirect_chain[0][0].endswith("?tab=timeline")
    note = LicenseNote.objects.get()
    assert (note.text, note.author, note.created_at, note.license) == (
        "Called.\nTwice.",
        license_manager,
        at,
        license_,
    )
    assert Event.objects.get(kind="license.noted").actor == f"user:{license_manager.pk}"


def test_an_empty_note_comes_back_with_what_is_wrong(manager, license_):
    answer = manager.post(note_url("add", license_), {"text": " "})
    assert "text" in answer.context["form"].errors
    assert not LicenseNote.objects.exists()


def test_ones_own_note_is_changed_and_deleted(manager, license_, write, tab):
    note = write("Caled.")
    assert manager.get(note_url("edit", license_, note.pk)).context["form"]["text"].value() == "Caled."
    manager.post(note_url("edit", license_, note.pk), {"text": "Called."})
    assert entries(manager, tab(license_, "timeline"))[0][0] == "Note, changed later"
    assert "gone for good" in manager.get(note_url("delete", license_, note.pk)).content.decode()
    assert manager.post(note_url("delete", license_, note.pk)).status_code == 302
    assert not LicenseNote.objects.exists()


@pytest.mark.parametrize("name", ["edit", "delete"])
def test_a_note_of_another_is_not_touched(manager, license_, write, superadmin, tab, name):
    """D15: no link, and 403."""
    note = write("Mine.", by=superadmin)
    assert manager.post(note_url(name, license_, note.pk), {"text": "x"}).status_code == 403
    assert LicenseNote.objects.get().text == "Mine."
    assert note_url(name, license_, note.pk) not in manager.get(tab(license_, "timeline")).content.decode()


def test_a_note_of_another_license_is_not_found(manager, license_, make_license, write):
    assert manager.get(note_url("edit", make_license(), write("x").pk)).status_code == 404


@pytest.mark.parametrize(
    ("role", "status"),
    [
        ("license manager", 302),
        ("support", 302),
        ("sales", 302),
        ("auditor", 403),
        ("evidence approver", 403),
    ],
)
def test_who_may_write_notes(as_role, license_, tab, role, status):
    """D15: an auditor changes nothing."""
    browser = as_role(role)
    assert browser.post(note_url("add", license_), {"text": "Hello"}).status_code == status
    offered = note_url("add", license_) in browser.get(tab(license_, "timeline")).content.decode()
    assert offered is (status == 302)
