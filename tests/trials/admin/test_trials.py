"""Trials in the admin: the list, the page of one, and what can be done to it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from licenses.models import LicenseNote
from licenses.services.issuing import license_create
from trials.models import Trial
from trials.services.running import trial_sweep

pytestmark = pytest.mark.django_db

LIST = "/admin/trials/trial/"
NASTY = "<script>alert(1)</script>"


@pytest.fixture
def root(signed_in, superadmin, clock):
    return signed_in(superadmin)


def page(row, name="change"):
    return reverse(f"admin:trials_trial_{name}", args=[row.pk])


def text(answered):
    return answered.content.decode()


def fresh(row) -> Trial:
    return Trial.objects.get(pk=row.pk)


def shown(browser, **query):
    return {row.email for row in browser.get(LIST, query).context["cl"].result_list}


def test_the_list_shows_engagement_and_days_left(root, running, clock):
    """A19: the state of each trial."""
    clock.set(running.ends_at - timedelta(days=3))
    found = text(root.get(LIST))
    assert "requested" in found
    assert "3 days left" in found


def test_the_list_is_filtered_and_searched(root, running, ask, make_program, at):
    ask(make_program("other", stuck_hours=1), "bob@hooli.example", name=NASTY)
    trial_sweep(at=at + timedelta(hours=2))
    assert shown(root, engagement__exact="stuck") == {"bob@hooli.example"}
    assert shown(root, program__id__exact=running.program_id) == {"ada@initech.example"}
    assert shown(root, running="no") == set()
    assert len(shown(root, running="yes")) == 2
    assert shown(root, q="hooli") == {"bob@hooli.example"}
    assert NASTY not in text(root.get(LIST))


def test_the_page_shows_facts_the_license_and_what_happened(root, running, at):
    """A19: history of the engagement."""
    trial_sweep(at=at + timedelta(hours=48))
    found = text(root.get(page(running)))
    assert reverse("admin:licenses_license_change", args=[running.license_id]) in found
    assert "From requested to stuck." in found
    assert "none yet" in found


def test_who_may_not_see_history_sees_none(signed_in, make_user, running, clock):
    found = signed_in(make_user("sales")).get(page(running))
    assert found.context["events"] is None


def test_what_outsiders_typed_is_text(root, running):
    Trial.objects.update(name=NASTY, first_touch={"source": NASTY})
    assert NASTY not in text(root.get(page(running)))


def test_extending_tells_both_ends_and_moves_the_end(root, running):
    """E21: extended by one click within the rule."""
    asked = text(root.get(page(running, "extend")))
    assert "from 2026-04-01 09:30 UTC to 2026-04-15 09:30 UTC" in asked
    root.post(page(running, "extend"))
    assert fresh(running).ends_at == running.ends_at + timedelta(days=14)
    assert page(running, "extend") not in text(root.get(page(running)))
    assert "as often as its program allows" in text(root.post(page(running, "extend")))


def test_converting_offers_the_commercial_licenses_of_the_account(root, running, enterprise, at):
    bought = license_create(
        account=running.account, plan=enterprise, kind="commercial", origin="staff", actor="user:1", at=at
    )
    assert bought.public_id[-8:] in text(root.get(page(running, "convert")))
    root.post(page(running, "convert"), {"license": bought.pk})
    assert (fresh(running).outcome, fresh(running).converted_by) == ("converted", bought)


def test_a_trial_that_is_over_is_converted_by_hand(root, running, enterprise):
    """A19: a purchase may come after the end."""
    trial_sweep(at=running.ends_at)
    bought = license_create(
        account=running.account, plan=enterprise, kind="commercial", origin="staff", actor="user:1",
        at=running.ends_at,
    )  # fmt: skip
    assert "from now on it counts as converted" in text(root.get(page(running, "convert")))
    root.post(page(running, "convert"), {"license": bought.pk})
    assert (fresh(running).outcome, fresh(running).converted_by) == ("converted", bought)
    assert page(running, "convert") not in text(root.get(page(running)))


def test_ending_keeps_the_reason_as_a_note(root, running):
    root.post(page(running, "end"), {"reason": "No budget."})
    assert fresh(running).outcome == "lost"
    assert LicenseNote.objects.get().text == "Trial ended: No budget."


def test_revoking_says_what_happens_offline(root, running):
    """A26: one command; keys that are out keep validating offline."""
    assert "keep validating offline" in text(root.get(page(running, "revoke")))
    assert "This field is required" in text(root.post(page(running, "revoke"), {"reason": ""}))
    root.post(page(running, "revoke"), {"reason": "abuse"})
    assert (fresh(running).outcome, fresh(running).license.status) == ("revoked", "revoked")
    after = text(root.get(page(running)))
    assert not [verb for verb in ("extend", "convert", "end", "revoke") if page(running, verb) in after]


def test_a_dialog_leads_back_only_within_the_house(root, running):
    """Trust: no open redirect."""
    board = reverse("admin:trials_trial_board")
    answered = root.post(f"{page(running, 'end')}?next={board}", {"reason": "x"})
    assert answered.headers["Location"] == board
    for away in ("https://evil.example/", "//evil.example/"):
        asked = root.get(f"{page(running, 'end')}?next={away}")
        assert f'href="{away}"' not in text(asked)


def test_who_may_not_manage_sees_no_button_and_is_refused(signed_in, auditor, running, clock):
    """D15: trials.manage_trial."""
    browser = signed_in(auditor)
    assert page(running, "extend") not in text(browser.get(page(running)))
    for name in ("extend", "convert", "end", "revoke"):
        assert browser.post(page(running, name), {"reason": "x"}).status_code == 403
    assert fresh(running).ended_at is None


def test_a_page_that_is_none_is_not_found(root, running):
    assert root.get(f"{LIST}99999999999999999999/change/").status_code == 404
    assert root.get(f"{LIST}x/extend/").status_code == 404
