"""Trials and requests in "Needs attention", on the board and on their pages."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from trials.models import Trial
from trials.services.running import trial_sweep

pytestmark = pytest.mark.django_db

WEEK = timedelta(days=7)


@pytest.fixture
def root(signed_in, superadmin, clock):
    return signed_in(superadmin)


def text(answered) -> str:
    return " ".join(answered.content.decode().split())


def test_a_trial_stuck_for_a_week_stands_wherever_staff_look(root, running, clock):
    """A19: needs attention, the board, the list and the page of the trial."""
    clock.advance(WEEK)
    trial_sweep(at=clock.at)
    page = reverse("admin:trials_trial_change", args=[running.pk])
    waits = text(root.get("/admin/attention/"))
    assert 'data-source="trials"' in waits
    assert "It began 7 days ago, and its installation was never heard." in waits
    assert page in waits
    board = root.get("/admin/trials/trial/board/")
    assert [(name, number) for _, name, number, _ in board.context["waiting"]] == [("stuck for long", "1")]
    assert text(board).count(">stuck for long<") == 1
    (url,) = [url for *_, url in board.context["waiting"]]
    assert [row.pk for row in root.get(url).context["cl"].result_list] == [running.pk]
    told = text(root.get(page))
    assert "somebody should ask what is in the way" in told
    assert "Waits for somebody: stuck for long." in told


def test_what_staff_set_aside_comes_back_only_with_another_spell(root, running, clock):
    """A19: one problem for each spell."""
    clock.advance(WEEK)
    trial_sweep(at=clock.at)
    row = Trial.objects.get()
    key = f"{row.pk}-stuck-{int(row.attention_at.timestamp())}"
    root.post("/admin/attention/do/", {"do": "aside", "source": "trials", "key": key})
    assert f'data-problem="{key}"' not in text(root.get("/admin/attention/"))


def test_a_request_waits_for_the_operators_word(root, make_program, signing, ask):
    """E21: the operator queue."""
    row = ask(make_program(approval="operator"), "ada@initech.example").request
    waits = text(root.get("/admin/attention/"))
    assert "ada@initech.example asks for a trial" in waits
    assert reverse("admin:trials_trialrequest_change", args=[row.pk]) in waits


def test_who_may_do_nothing_about_them_sees_none(signed_in, auditor, running, make_program, ask, clock):
    ask(make_program("asked", approval="operator"), "bob@hooli.example")
    clock.advance(WEEK)
    trial_sweep(at=clock.at)
    waits = text(signed_in(auditor).get("/admin/attention/"))
    assert "bob@hooli.example" not in waits
    assert 'data-source="trials"' not in waits
