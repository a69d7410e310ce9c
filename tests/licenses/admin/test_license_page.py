"""The page of one license: its head, and its tabs at addresses of their own."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from licenses.admin.facts import away
from licenses.admin.parts import Tab, _tabs, tab_register
from licenses.models import Installation, License, LicenseNote
from licenses.services.lifecycle import license_reinstate, license_revoke, license_suspend

pytestmark = pytest.mark.django_db

TABS = ("overview", "timeline", "issuances", "installations", "files")
NASTY = ("<script>alert(1)</script>", "javascript:alert(1)", '" onmouseover="alert(1)', "{{ 7*7 }}{% now %}")


def text_of(answer) -> str:
    return " ".join(answer.content.decode().split())


# --- the head -----------------------------------------------------------------------------------------


def test_the_page_tells_the_state_the_days_left_and_what_comes_next(looker, license_, page):
    """A8, A12: state, edition, customer, seats, nodes, expiry and warning on one page."""
    answer = looker.get(page(license_))
    facts = answer.context["facts"]
    assert (facts.status, facts.posture, facts.days_left) == ("active", "valid", "365")
    assert facts.next_at == license_.expires_at - timedelta(days=30)
    text = text_of(answer)
    for words in ("enterprise edition", license_.account.customer_id, "seats 25", "nodes 4",
                  "2027-03-02 09:30 UTC"):  # fmt: skip
        assert words in text


@pytest.mark.parametrize(
    ("days", "posture", "left", "says"),
    [
        (-400, "invalid", "765", "Starts on 2026-03-02 (in 400 days)"),
        (0, "valid", "365", "Begins to warn on 2027-01-31 (in 335 days): everything keeps working."),
        (350, "warning", "15", "Enters grace on 2027-03-02 (in 15 days)"),
        (365, "grace", "0", "Becomes read-only on 2027-03-16 (in 14 days)"),
        (400, "read_only", "0", "Nothing: it ended on 2027-03-16 09:30 UTC, grace included."),
    ],
)
def test_the_next_step_stands_there_in_plain_words(looker, license_, page, clock, days, posture, left, says):
    """A8, A9, A10: what happens by itself, on which day, and in how many."""
    clock.set(license_.starts_at + timedelta(days=days))
    answer = looker.get(page(license_))
    facts = answer.context["facts"]
    assert (facts.posture, facts.days_left) == (posture, left)
    assert says in text_of(answer)


@pytest.mark.parametrize(
    ("gap", "words"),
    [
        (timedelta(days=30, hours=5), "in 30 days"),
        (timedelta(days=1), "in 1 day"),
        (timedelta(hours=23), "in 23 hours"),
        (timedelta(minutes=5), "within the hour"),
        (timedelta(minutes=-5), "just now"),
        (timedelta(days=-2), "2 days ago"),
    ],
)
def test_how_far_away_an_instant_is(at, gap, words):
    assert away(at + gap, at) == words


def test_a_revoked_license_has_no_days_left(looker, license_, page, at):
    """A27: whatever its end says; keys that are out outlive it offline, and the page says so."""
    license_revoke(license=license_, reason="chargeback", actor="cli:test", at=at)
    answer = looker.get(page(license_))
    assert answer.context["facts"].days_left == "none"
    assert "keep validating offline until 2027-03-02 09:30 UTC" in text_of(answer)
    assert "chargeback" in text_of(answer)


def test_a_suspended_license_waits_for_somebody(looker, license_, page, at):
    """C25"""
    license_suspend(license=license_, reason="unpaid", actor="cli:test", at=at)
    facts = looker.get(page(license_)).context["facts"]
    assert facts.next_text == "Nothing until it is reinstated; suspended since 2026-03-02 09:30 UTC."
    assert facts.means == "Refused online until it is reinstated."


def test_a_perpetual_license_has_no_end(looker, make_license, community, page):
    facts = looker.get(page(make_license(community))).context["facts"]
    assert (facts.days_left, facts.next_text) == ("no end", "Nothing: a perpetual license does not end.")
    assert "perpetual" in [mark.text for mark in facts.marks]


def test_a_record_of_an_older_tool_is_not_called_accepted(looker, license_, page):
    """D1"""
    License.objects.filter(pk=license_.pk).update(origin="legacy")
    facts = looker.get(page(license_)).context["facts"]
    assert facts.means == "A record of the older tool: its key is neither signed nor validated here."


def test_test_internal_and_legacy_licenses_are_marked(looker, make_license, page):
    """D1, D2, D4"""
    row = make_license(kind="test", internal=True)
    License.objects.filter(pk=row.pk).update(origin="legacy", legacy_key="OLD-1")
    marks = [mark.text for mark in looker.get(page(row)).context["facts"].marks]
    assert marks == ["test", "enterprise edition", "internal", "legacy, not re-signable"]


# --- tabs ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", TABS)
def test_each_tab_has_an_address_of_its_own(root, license_, tab, slug):
    answer = root.get(tab(license_, slug))
    assert (answer.status_code, answer.context["tab"].slug) == (200, slug)
    assert f'href="{tab(license_, slug)}" aria-current="page"' in text_of(answer)


@pytest.mark.parametrize("slug", ["", "odd", "mail'"])
def test_what_is_no_tab_is_the_first_one(root, license_, tab, slug):
    assert root.get(tab(license_, slug)).context["tab"].slug == "overview"


def test_another_room_adds_a_tab_and_says_who_may_see_it(root, looker, license_, tab):
    mine = Tab(
        slug="mine", title="Mine", order=99, template="admin/signet/license_timeline.html",
        content=lambda _request, _row: {"entries": []}, allowed=lambda request: request.user.is_superuser,
    )  # fmt: skip
    tab_register(mine)
    try:
        assert root.get(tab(license_, "mine")).context["tab"] is mine
        assert looker.get(tab(license_, "mine")).context["tab"].slug == "overview"
        assert ">Mine<" not in text_of(looker.get(tab(license_, "overview")))
    finally:
        del _tabs["mine"]


@pytest.mark.parametrize("slug", TABS)
def test_a_tab_of_a_license_without_anything_explains_itself(root, make_license, tab, slug):
    assert root.get(tab(make_license(), slug)).status_code == 200


def test_the_empty_tabs_say_what_would_stand_there(root, make_license, tab):
    """D12"""
    row = make_license()
    assert "A deployment that sends heartbeats" in text_of(root.get(tab(row, "installations")))
    assert "There is nothing to download" in text_of(root.get(tab(row, "files")))
    assert "“Issue key” above signs the first one" in text_of(root.get(tab(row, "issuances")))


@pytest.mark.parametrize("slug", TABS)
def test_a_tab_asks_as_few_questions_for_much_as_for_little(
    root, license_, license_manager, issue, tab, at, slug
):
    with CaptureQueriesContext(connection) as little:
        root.get(tab(license_, slug))
    for number in range(6):
        issue(license_)
        LicenseNote.objects.create(license=license_, author=license_manager, text="Called.", created_at=at)
        Installation.objects.create(license=license_, install_id=f"install-{number}", nodes=2, seats_used=1)
        license_suspend(license=license_, reason="x", actor=f"user:{license_manager.pk}", at=at)
        license_reinstate(license=license_, actor=f"user:{license_manager.pk}", at=at)
    with CaptureQueriesContext(connection) as much:
        root.get(tab(license_, slug))
    # a first note, installation or colleague is looked up at all
    assert len(much) <= len(little) + 3
    assert len(much) <= 16


@pytest.mark.parametrize("bad", NASTY)
def test_what_people_typed_is_text_on_every_tab(
    root, make_license, make_account, superadmin, issue, tab, at, bad
):
    row = make_license(account=make_account(bad, slug="bad"), comment=bad)
    issue(row)
    LicenseNote.objects.create(license=row, author=superadmin, text=bad, created_at=at)
    Installation.objects.create(license=row, install_id="install-1", version=bad, operating_system=bad)
    license_suspend(license=row, reason=bad, actor="cli:test", at=at)
    for slug in TABS:
        text = root.get(tab(row, slug)).content.decode()
        assert "<script>alert" not in text
        assert 'href="javascript:' not in text
        assert '" onmouseover="alert' not in text


@pytest.mark.parametrize(
    "name", ["renew", "extend", "issue", "verify", "reissue", "suspend", "reinstate", "revoke"]
)
def test_what_people_typed_is_text_in_every_dialog(root, make_license, make_account, issue, page, at, name):
    """Help texts and choices are written by us and hold what others typed."""
    bad = "<img src=x onerror=alert(1)>"
    row = make_license(account=make_account(bad, slug="bad"), comment=bad)
    make_license(account=row.account, days=900)
    issue(row)
    if name == "reinstate":
        license_suspend(license=row, reason=bad, actor="cli:test", at=at)
    for answer in (
        root.get(page(row, name)),
        root.post(page(row, name), {"reason": "", "confirmation": bad}),
    ):
        if answer.status_code == 200:
            assert "<img src=x" not in answer.content.decode()


@pytest.mark.parametrize(
    ("role", "tabs"),
    [
        ("license manager", set(TABS)),
        ("auditor", set(TABS)),
        ("billing", set(TABS)),
        ("evidence approver", set(TABS)),
    ],
)
def test_who_sees_licenses_sees_their_tabs(as_role, license_, page, role, tabs):
    """D15"""
    shown = {each.slug for each, _ in as_role(role).get(page(license_)).context["tabs"]}
    assert tabs <= shown


def test_the_page_takes_no_post(manager, license_, page):
    """D7: creator, date and terms are to look at."""
    assert manager.post(page(license_), {"comment": "changed"}).status_code == 405
