"""Heartbeats over HTTP, as an installation sends them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from history.models import Event
from licenses.models import Installation, InstallationDay, InstallationSignal, NodeCapEpisode
from licenses.services.beat_buffer import hour

pytestmark = pytest.mark.django_db

URL = "/api/v1/heartbeats"
BEAT = {"install_id": "5c1f0a7e9b", "version": "2.4.1", "os": "Linux 6.1", "nodes": 1}


@pytest.fixture
def installed(api, granted):
    """The API as an installation calls it: its license is its credential."""
    return api.as_(granted.issued.text)


@pytest.fixture
def beat(installed, clock):
    """Return a sender: `beat(nodes=5, after=timedelta(hours=1))` gives the answer's JSON."""

    def send(after: timedelta = timedelta(), **members):
        clock.advance(after)
        cache.clear()
        hour.forget()
        answer = installed.post(URL, {**BEAT, **members})
        assert answer.status_code == 200, answer.content
        return answer.json()

    return send


def told(*wanted: str) -> list[str]:
    return list(Event.objects.filter(kind__in=wanted).order_by("id").values_list("kind", flat=True))


def test_the_first_beat_makes_the_installation_known(beat, granted, at):
    """A17: upserts the installation and sets last-seen."""
    answer = beat()
    row = Installation.objects.get()
    assert (row.license, row.install_id, row.version, row.nodes) == (
        granted.license,
        "5c1f0a7e9b",
        "2.4.1",
        1,
    )
    assert (row.first_seen_at, row.last_seen_at, row.beats) == (at, at, 1)
    assert told("installation.seen_first") == ["installation.seen_first"]
    assert answer["license_id"] == granted.license.public_id
    assert answer["posture"] == "valid"
    assert answer["node_cap"] == {"cap": 4, "nodes": 1, "state": "within"}
    assert answer["messages"] == []
    assert answer["next_beat_seconds"] >= 3600


def test_later_beats_are_counted_by_the_day(beat, at):
    """A17: the history of beats is kept as daily rollups."""
    for nodes in (1, 3, 2):
        beat(timedelta(hours=8), nodes=nodes, seats_used=nodes)
    days = list(InstallationDay.objects.order_by("day").values_list("day", "beats", "nodes_max", "seats_max"))
    assert days == [(at.date(), 1, 1, 1), (at.date() + timedelta(days=1), 2, 3, 3)]
    row = Installation.objects.get()
    assert (row.beats, row.last_seen_at - row.first_seen_at) == (3, timedelta(hours=16))


def test_a_new_version_is_an_event_and_the_same_one_is_not(beat):
    beat()
    beat(timedelta(hours=1))
    beat(timedelta(hours=1), version="2.5.0")
    assert told("installation.changed") == ["installation.changed"]
    assert Event.objects.get(kind="installation.changed").data["changed"] == ["version"]
    assert Installation.objects.get().version == "2.5.0"


@pytest.mark.parametrize("member", ["hostname", "ip", "prompt", "email", "stack_trace"])
def test_a_body_with_any_other_member_is_refused_and_nothing_is_kept(installed, member):
    """A18: 400, nothing stored."""
    answer = installed.post(URL, {**BEAT, member: "x"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0] == {
        "pointer": f"/{member}", "code": "unknown_field", "detail": "A heartbeat has no such member.",
    }  # fmt: skip
    assert not Installation.objects.exists()


@pytest.mark.parametrize("body", ["[]", "{", '{"nodes": NaN}', '"beat"', "null", b"\xff\xfe"])
def test_what_is_no_heartbeat_at_all_is_refused(installed, body):
    answer = installed.client.post(
        URL, body, content_type="application/json", headers={"Authorization": f"Bearer {installed.token}"}
    )
    assert answer.status_code == 400


def test_nobody_speaks_without_a_license(api):
    answer = api.post(URL, BEAT)
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


def test_a_stranger_is_refused_with_the_reason(api, installed):
    answer = api.as_(f"{installed.token[:-4]}AAAA").post(URL, BEAT)
    assert (answer.status_code, answer.json()["reason"]) == (401, "signature_invalid")
    assert not Installation.objects.exists()


def test_an_api_key_is_no_license(api, make_key):
    assert api.as_(make_key("full-admin")).post(URL, BEAT).status_code == 401


def test_a_license_of_a_revoked_key_is_refused(api, installed, rsa_key, at):
    from licenses.services.keys import key_revoke

    key_revoke(key=rsa_key, reason="leaked", force=True, actor="cli:test", at=at)
    answer = installed.post(URL, BEAT)
    assert (answer.status_code, answer.json()["code"]) == (401, "license_unverified")


def test_a_revoked_license_is_still_heard_and_told(beat, granted, at):
    from licenses.services.lifecycle import license_revoke

    license_revoke(license=granted.license, reason="test", actor="cli:test", at=at)
    answer = beat()
    assert (answer["status"], answer["messages"][0]["code"]) == ("revoked", "license_revoked")
    assert Installation.objects.exists()


def test_an_expired_license_is_still_heard_and_told(beat, granted):
    answer = beat(after=granted.license.expires_at - granted.license.starts_at + timedelta(days=3))
    assert (answer["posture"], answer["messages"][0]["code"]) == ("grace", "license_in_grace")


def test_a_newer_key_is_told(beat, granted, issue):
    issue(granted.license)
    assert [message["code"] for message in beat()["messages"]] == ["license_superseded"]


def test_sixty_beats_an_hour_and_no_more(installed, clock):
    """C24: 60 an hour for each license, whatever the installation."""
    statuses = [
        installed.post(URL, {**BEAT, "install_id": f"install-{n % 7}"}).status_code for n in range(61)
    ]
    assert statuses == [200] * 60 + [429]


def test_only_post_is_answered(api):
    answer = api.get(URL)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_signals_become_events_once(beat):
    """A13: grants, clears, denials and posture changes of the customer's side."""
    signals = [
        {"id": "signal-0001", "type": "granted"},
        {"id": "signal-0002", "type": "denied", "reason": "seats_exhausted", "limit": 10, "used": 11},
        {"id": "signal-0003", "type": "posture_changed", "from": "valid", "to": "warning"},
        {"id": "signal-0004", "type": "cleared"},
    ]
    beat(signals=signals)
    beat(timedelta(hours=1), signals=signals)
    wanted = ["license.granted", "license.denied", "posture.reported", "license.cleared"]
    assert told(*wanted) == wanted
    assert InstallationSignal.objects.count() == 4
    assert Event.objects.get(kind="license.denied").data["used"] == 11


def test_an_episode_begins_grows_and_ends(beat):
    """A14, A15: quiet, notice from day 7, escalated from day 30, and over when the nodes fit again."""
    assert beat(nodes=5)["node_cap"]["state"] == "quiet"
    week = beat(timedelta(days=7), nodes=6)
    assert (week["node_cap"]["state"], week["messages"][0]["code"]) == ("notice", "node_cap_notice")
    assert beat(timedelta(days=23), nodes=6)["messages"][0]["code"] == "node_cap_escalated"
    assert beat(timedelta(days=1), nodes=4)["node_cap"]["state"] == "within"
    assert told("node_cap.exceeded", "node_cap.escalated", "node_cap.cleared") == [
        "node_cap.exceeded", "node_cap.escalated", "node_cap.escalated", "node_cap.cleared",
    ]  # fmt: skip
    assert NodeCapEpisode.objects.get().nodes_max == 6


def test_the_operator_tightens_the_cap_and_cannot_loosen_it(beat):
    """A14: the smaller of both caps."""
    assert beat(nodes=2, operator_node_cap=1)["node_cap"] == {"cap": 1, "nodes": 2, "state": "quiet"}
    assert beat(nodes=2, operator_node_cap=9)["node_cap"] == {"cap": 4, "nodes": 2, "state": "within"}


def test_overage_never_changes_the_posture(beat):
    """A15: it blocks nothing and fails no validation."""
    assert beat(nodes=500)["posture"] == beat(timedelta(days=40), nodes=500)["posture"] == "valid"


def test_an_installation_that_was_set_aside_comes_back_with_its_next_beat(beat, at):
    beat()
    Installation.objects.update(set_aside_at=at)
    beat(timedelta(hours=1))
    assert Installation.objects.get().set_aside_at is None
    assert Event.objects.get(kind="installation.changed").data["changed"] == ["back"]


def test_many_installations_are_asked_to_come_less_often(installed, beat, granted):
    """C24: so that all of a license stay within its hour."""
    Installation.objects.bulk_create(
        Installation(license=granted.license, install_id=f"install-{n:04}") for n in range(100)
    )
    assert beat()["next_beat_seconds"] >= 3 * 3600


@pytest.mark.postgres
def test_a_beat_that_says_nothing_new_is_one_statement(beat, installed):
    beat()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        installed.post(URL, BEAT)
    assert len(queries) == 1, [query["sql"] for query in queries]


@pytest.mark.postgres
@pytest.mark.parametrize("nodes", [1, 4, 5])
def test_the_short_way_keeps_what_the_long_way_keeps(beat, nodes, monkeypatch, at):
    """Beats of an unchanged installation, in and over its cap: the same rows, whichever way they went."""
    monkeypatch.setattr("licenses.beats.can_touch", lambda: False)
    for _ in range(3):
        beat(timedelta(hours=5), nodes=nodes, install_id="the-long-way", seats_used=2)
    monkeypatch.undo()
    Installation.objects.filter(install_id="the-long-way").update(last_seen_at=at, seen_on=at.date())
    short = [
        beat(timedelta(hours=5), nodes=nodes, install_id="the-short-way", seats_used=2) for _ in range(3)
    ]
    rows = Installation.objects.order_by("id").values("version", "nodes", "beats", "seats_used")
    assert rows[0] == rows[1]
    assert all(row.seen_on == row.last_seen_at.date() for row in Installation.objects.all())
    assert short[0]["node_cap"] == short[2]["node_cap"]


@pytest.mark.postgres
def test_only_a_beat_without_news_is_answered_before_the_disk_has_it(beat):
    """A17: what becomes a row or an event is never lost; what is said again in an hour may be."""

    def waits() -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SHOW synchronous_commit")
            return cursor.fetchone() == ("on",)

    beat()
    beat(version="2.4.2")
    assert waits()
    beat(version="2.4.2")
    assert not waits()


@pytest.mark.postgres
def test_a_beat_moves_no_index(beat):
    """All beats of a day after the first leave every index of the installation and of its day as it is."""
    tables = ("licenses_installation", "licenses_installationday")

    def written():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_stat_get_xact_tuples_updated(t::regclass), pg_stat_get_xact_tuples_hot_updated(t::regclass)"
                " FROM unnest(%s::text[]) t",
                [list(tables)],
            )
            return cursor.fetchall()

    beat()
    before = written()
    for _ in range(3):
        beat(timedelta(hours=1))
    assert [(a - c, b - d) for (a, b), (c, d) in zip(written(), before, strict=True)] == [(3, 3), (3, 3)]
