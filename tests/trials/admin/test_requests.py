"""The operator's queue in the admin."""

from __future__ import annotations

import pytest
from django.urls import reverse

from history.models import Event
from trials.models import Trial, TrialProgram, TrialRequest

pytestmark = pytest.mark.django_db

LIST = "/admin/trials/trialrequest/"
NASTY = "<script>alert(1)</script>"


@pytest.fixture
def root(signed_in, superadmin, clock):
    return signed_in(superadmin)


@pytest.fixture
def waiting(make_program, signing, ask):
    """A request that an operator is to decide, with an answer and an origin."""
    program = make_program(approval="operator", fields=[{"name": "nodes", "label": "How many nodes?"}])
    return ask(program, name=f"Ada {NASTY}", company=NASTY, answers={"nodes": NASTY}).request


def page(row, name="change"):
    return reverse(f"admin:trials_trialrequest_{name}", args=[row.pk])


def text(answered):
    return answered.content.decode()


def test_the_page_shows_what_was_asked_as_text(root, waiting):
    """E21, trust: people; what outsiders typed is shown as text."""
    found = text(root.get(page(waiting)))
    assert NASTY not in found
    for words in (
        "ada@initech.example",
        "How many nodes?",
        "&lt;script&gt;",
        "It waits for your word.",
        "1 node,",
    ):
        assert words in found


def test_where_the_requester_came_from(root, waiting):
    """A23: first entry."""
    TrialRequest.objects.update(
        first_touch={"source": "news", "campaign": "spring", "at": "2026-03-01T10:00"}
    )
    assert "news / spring, 2026-03-01" in text(root.get(page(waiting)))
    assert "news / spring" in text(root.get(LIST))


def test_the_queue_is_filtered_and_searched(root, waiting, ask, make_program):
    ask(make_program("quick"), "bob@hooli.example")
    shown = {row.email for row in root.get(LIST, {"state__exact": "waiting"}).context["cl"].result_list}
    assert shown == {"ada@initech.example"}
    shown = {row.email for row in root.get(LIST, {"q": "hooli"}).context["cl"].result_list}
    assert shown == {"bob@hooli.example"}


def test_an_empty_queue_says_what_will_stand_there(root):
    assert "Nobody asked for a trial yet" in text(root.get(LIST))


def test_approving_says_what_happens_and_begins_the_trial(root, waiting):
    """E21: approved by an operator."""
    assert "ends on 2026-04-01 09:30 UTC" in text(root.get(page(waiting, "approve")))
    root.post(page(waiting, "approve"))
    assert Trial.objects.get().email == waiting.email
    assert TrialRequest.objects.get().state == "granted"


def test_a_second_request_of_one_company_says_that_its_trial_runs(root, waiting, ask):
    again = ask(TrialProgram.objects.get(), "bob@initech.example").request
    root.post(page(waiting, "approve"))
    assert "no second one begins" in text(root.get(page(again, "approve")))


def test_approving_warns_where_the_cooldown_forbids_it(root, waiting, ask, clock):
    """E21: the dialog promises nothing that its button then refuses."""
    again = ask(TrialProgram.objects.get(), "bob@initech.example").request
    root.post(page(waiting, "approve"))
    clock.set(Trial.objects.get().ends_at)
    said = text(root.get(page(again, "approve")))
    assert "cannot be granted before 2026-09-28" in said
    assert "begins now" not in said


def test_denying_needs_words_and_keeps_them(root, waiting):
    """E21: denied, with what the requester reads."""
    assert "This field is required" in text(root.post(page(waiting, "deny"), {"words": ""}))
    root.post(page(waiting, "deny"), {"words": "Not in your region."})
    row = TrialRequest.objects.get()
    assert (row.state, row.decision) == ("denied", "Not in your region.")
    assert "Not in your region." in text(root.get(page(row)))


def test_asking_for_more_leaves_it_open(root, waiting):
    root.post(page(waiting, "ask"), {"words": "How large?"})
    assert TrialRequest.objects.get().state == "more_asked"
    assert page(waiting, "approve") in text(root.get(page(waiting)))


def test_a_decided_request_has_no_buttons_and_refuses(root, waiting):
    root.post(page(waiting, "deny"), {"words": "No."})
    assert page(waiting, "approve") not in text(root.get(page(waiting)))
    assert "already" in text(root.post(page(waiting, "approve")))
    assert not Event.objects.filter(kind="trial.approved").exists()


def test_who_may_not_approve_sees_no_button_and_is_refused(signed_in, auditor, waiting, clock):
    """D15: trials.approve_trial."""
    browser = signed_in(auditor)
    assert page(waiting, "approve") not in text(browser.get(page(waiting)))
    for name in ("approve", "ask", "deny"):
        assert browser.post(page(waiting, name), {"words": "x"}).status_code == 403
    assert TrialRequest.objects.get().state == "waiting"


def test_who_may_not_see_trials_sees_no_queue(signed_in, make_user, waiting, clock):
    browser = signed_in(make_user())
    assert browser.get(page(waiting)).status_code == 403
    assert browser.get(page(waiting, "approve")).status_code == 403


def test_the_list_costs_the_same_for_many(root, make_program, signing, ask, django_assert_max_num_queries):
    program = make_program(approval="operator")
    for number in range(12):
        ask(program, f"a@firm{number}.example")
    with django_assert_max_num_queries(14):
        root.get(LIST)
