"""The trial board."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from licenses.domain.heartbeats import Beat
from licenses.services.heartbeats import beat_apply
from trials.admin import board
from trials.services.running import trial_end, trial_sweep

pytestmark = pytest.mark.django_db

BOARD = "/admin/trials/trial/board/"
NASTY = "<script>alert(1)</script>"


@pytest.fixture
def root(signed_in, superadmin, clock):
    return signed_in(superadmin)


def columns(browser):
    found = browser.get(BOARD).context["columns"]
    return {column.slug: [card.row.email for card in column.cards] for column in found}


def test_each_trial_stands_in_the_column_of_its_engagement(root, running, ask, at):
    """A19: the board by engagement."""
    trial_sweep(at=at + timedelta(hours=48))
    ask(running.program, "bob@hooli.example")
    found = columns(root)
    assert (found["stuck"], found["requested"]) == (["ada@initech.example"], ["bob@hooli.example"])


def test_a_card_shows_the_last_heartbeat(root, running, at, clock):
    beat_apply(license_pk=running.license_id, beat=Beat("install-0001", "2.4.1", "Linux", 1), at=at)
    clock.set(at + timedelta(days=2))
    assert "Heartbeat: 2 days ago" in root.get(BOARD).content.decode()


def test_ended_trials_are_counted_with_their_list(root, running, at):
    trial_end(trial=running, reason="x", actor="user:1", at=at)
    ended = {name: (count, url) for _, name, count, url in root.get(BOARD).context["ended"]}
    assert ended["lost"] == ("1", f"{reverse('admin:trials_trial_changelist')}?engagement__exact=lost")


def test_a_column_has_an_end_and_the_way_to_the_list(root, running, ask, monkeypatch):
    monkeypatch.setattr(board, "MOST", 1)
    ask(running.program, "bob@hooli.example")
    column = root.get(BOARD).context["columns"][0]
    assert (len(column.cards), column.count, column.has_more) == (1, "2", True)


def test_many_cards_cost_no_more_queries(root, running, ask):
    root.get(BOARD)  # what is asked for once a process
    with CaptureQueriesContext(connection) as one:
        root.get(BOARD)
    for number in range(6):
        ask(running.program, f"a@firm{number}.example", name=NASTY)
    with CaptureQueriesContext(connection) as seven:
        found = root.get(BOARD).content.decode()
    assert NASTY not in found
    assert len(seven) <= len(one)


def test_an_empty_board_says_so(root):
    assert "No trial runs at the moment" in root.get(BOARD).content.decode()


def test_the_board_is_for_who_may_see_trials(signed_in, make_user, clock):
    assert signed_in(make_user()).get(BOARD).status_code == 403
    assert signed_in(make_user("sales")).get(BOARD).status_code == 200


def test_the_menu_marks_the_board_alone(root):
    groups = root.get(BOARD).context["sidebar_navigation"]
    marked = [item["title"] for group in groups for item in group["items"] if item["active"]]
    assert marked == ["Board"]
