"""The funnel on real rows, and the counting of visits."""

from __future__ import annotations

from datetime import timedelta

import pytest

from licenses.domain.heartbeats import Beat
from licenses.services.heartbeats import beat_apply
from trials.domain.funnel import Stage, share, totals
from trials.domain.touches import Touch
from trials.funnel import funnel, trials_reaching
from trials.models import TrafficDay, Trial
from trials.services import traffic
from trials.services.running import trial_convert, trial_sweep
from trials.services.traffic import visit_count

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
HN, MAIL = Touch("hn", "post", "launch"), Touch("mail")


@pytest.fixture
def story(program, ask, at):
    """Five visits and three requests; two installed, one for days, which then buys."""
    for touch in (HN, HN, HN, MAIL, Touch()):
        visit_count(touch=touch, at=at)
    trials = [
        ask(program, f"ada@company{number}.example", first_touch=touch).granted.trial
        for number, touch in enumerate((HN, HN, MAIL))
    ]
    for day in range(6):
        beat(trials[0], at + day * DAY)
    beat(trials[2], at + DAY)
    trial_sweep(at=at + 5 * DAY + timedelta(hours=1))
    trial_convert(trial=trials[0], license=None, actor="user:1", at=at + 9 * DAY)
    return trials


def beat(trial, at):
    beat_apply(license_pk=trial.license_id, beat=Beat("install-0001", "2.4.1", "Linux", 1), at=at)


def counts(line) -> list[int]:
    return [line.counts[stage] for stage in Stage]


def test_every_stage_counts_rows_that_exist(story, at):
    """A28: visits, requests, issued, installed, active, pilot-ready, converted, by UTM."""
    found = {line.name: counts(line) for line in funnel(since=at - DAY, until=at + DAY)}
    assert found == {
        "hn / post / launch": [3, 2, 2, 1, 1, 1, 1],
        "mail": [1, 1, 1, 1, 0, 0, 0],
        "direct": [1, 0, 0, 0, 0, 0, 0],
    }


def test_every_number_has_its_list(story, at):
    """A28: no stage counts a row that does not exist."""
    sums = totals(funnel(since=at - DAY, until=at + DAY))
    for stage in list(Stage)[2:]:
        assert trials_reaching(Trial.objects.all(), stage).count() == sums[stage], stage


def test_a_period_counts_what_began_in_it(story, at):
    assert funnel(since=at + DAY, until=at + 30 * DAY) == []


def test_a_program_counts_its_own_trials(story, make_program, at):
    other = make_program("other")
    assert totals(funnel(since=at - DAY, until=at + DAY, program=other))[Stage.ISSUED] == 0


def test_the_funnel_costs_a_handful_of_statements(story, at, django_assert_max_num_queries):
    with django_assert_max_num_queries(8):
        funnel(since=at - DAY, until=at + DAY)


def test_shares_are_of_the_stage_before(story, at):
    sums = totals(funnel(since=at - DAY, until=at + DAY))
    assert share(sums, Stage.VISITS) is None
    assert share(sums, Stage.REQUESTS) == pytest.approx(3 / 5)


def test_a_visit_leaves_a_number_and_nothing_else(db, at):
    """A24: anonymous traffic is counted per day, source, medium, campaign."""
    for _ in range(3):
        visit_count(touch=HN, at=at)
    row = TrafficDay.objects.get()
    assert (row.visits, row.day, row.source, row.medium, row.campaign) == (
        3,
        at.date(),
        "hn",
        "post",
        "launch",
    )


def test_made_up_sources_fill_no_table(db, at, monkeypatch):
    monkeypatch.setattr(traffic, "MOST_SOURCES", 5)
    for number in range(20):
        visit_count(touch=Touch(f"source-{number}"), at=at)
    assert TrafficDay.objects.count() == 6
    assert TrafficDay.objects.get(source="other").visits == 15
