"""Counting visits over HTTP: from any site, and never of anybody."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders

from trials.models import TrafficDay, TrialRequest

pytestmark = pytest.mark.django_db

URL = "/api/v1/visits"
HN = {"source": "hn", "medium": "post", "campaign": "launch"}


def test_a_visit_is_counted_by_day_and_source(api, clock, at):
    """A24: per day, source, medium, campaign; nobody becomes a person."""
    assert [api.post(URL, HN).status_code for _ in range(2)] == [202, 202]
    row = TrafficDay.objects.get()
    assert (row.day, row.source, row.medium, row.campaign, row.visits) == (at.date(), *HN.values(), 2)
    assert not TrialRequest.objects.exists()


def test_a_visit_from_nowhere_counts(api, clock):
    assert api.post(URL).status_code == 202
    assert TrafficDay.objects.get().source == ""


def test_a_page_of_any_site_may_call_it_without_asking_first(client, clock):
    """A24: what a browser sends to another site as it is."""
    answer = client.post(URL, json.dumps(HN), content_type="text/plain;charset=UTF-8")
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (202, "*")
    assert TrafficDay.objects.get().source == "hn"
    assert not answer.cookies


def test_a_page_that_asks_first_is_let_through(client):
    asks = {"Origin": "https://www.acme.example", "Access-Control-Request-Method": "POST"}
    answer = client.options(URL, headers=asks)
    assert (answer.status_code, answer.headers["Access-Control-Allow-Methods"]) == (204, "POST")
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_no_other_operation_is_open_to_other_sites(client):
    asks = {"Origin": "https://www.acme.example", "Access-Control-Request-Method": "POST"}
    answer = client.options("/api/v1/trials", headers=asks)
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_visitors_are_counted_against_a_limit(api, settings, clock):
    settings.API_ANONYMOUS_LIMIT = "2/hour"
    assert [api.post(URL, HN).status_code for _ in range(3)] == [202, 202, 429]
    assert TrafficDay.objects.get().visits == 2


def test_nothing_is_counted_while_nobody_counts_the_callers(api, monkeypatch, clock):
    def gone(*_args, **_more):
        raise OSError("down")

    monkeypatch.setattr("config.kit.api.throttling.take", gone)
    assert api.post(URL, HN).status_code == 503
    assert not TrafficDay.objects.exists()


@pytest.mark.parametrize("body", ["[]", '{"source": 1}', '{"who": "ada"}', '{"source": "\\u0000"}', "\xff"])
def test_nonsense_is_refused(client, body):
    answer = client.post(URL, body.encode("latin-1"), content_type="text/plain")
    assert answer.status_code == 400
    assert not TrafficDay.objects.exists()


def test_only_posting_counts(client):
    assert client.get(URL).status_code == 405


def test_the_script_is_tiny_and_keeps_nothing():
    """A24: a cookieless script that respects who asks not to be tracked."""
    text = Path(finders.find("signet/visit.js")).read_bytes()
    assert len(text) < 1024
    for kept in (b".cookie", b"localStorage", b"sessionStorage", b"indexedDB"):
        assert kept not in text
    assert b"globalPrivacyControl" in text
    assert b"doNotTrack" in text
