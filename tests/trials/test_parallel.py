"""Trials, sweeps and mail asked for at once, on PostgreSQL: each caller has transactions of its own."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from config.kit.clock import now
from history.models import Event
from history.services import reader_run, sequence
from licenses.domain.heartbeats import Beat
from licenses.models import Issuance, License, NodeCapEpisode
from licenses.services.heartbeats import beat_apply
from licenses.services.node_caps import node_cap_sweep
from licenses.services.posture import posture_sweep
from notifications.models import DripEntry, Message
from notifications.services.drips import drip_run
from notifications.services.trial_mail import READER
from tests.conftest import Api
from tests.licenses.services.test_concurrency import together
from trials.models import Trial, TrialRequest
from trials.services.running import trial_sweep

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

CALLS, SWEEPS = 40, 4
DAY = timedelta(days=1)
SPELLINGS = (
    "ada.lovelace@gmail.com",
    "AdaLovelace@GoogleMail.com",
    "a.d.a.lovelace+trial@gmail.com",
    "ADA.LOVELACE+2@gmail.com",
    "\uff41\uff44\uff41lovelace@gmail.com",  # full-width letters
)


@pytest.fixture
def at():
    """The present: what runs after a commit in another thread reads the real clock."""
    return now()


@pytest.fixture(autouse=True)
def office(program, at):
    """A program that anybody may ask, and a reader of trial mail that has caught up."""
    mailed(at)
    return program


def mailed(at) -> list[str]:
    """Let the reader of trial mail catch up; return the templates of all mail."""
    sequence(at=at)
    reader_run("trials", at=at)
    reader_run(READER, at=at)
    drip_run(at=at)
    return list(Message.objects.order_by("id").values_list("template", flat=True))


def one_of_everything() -> tuple[int, ...]:
    events = Event.objects.filter(kind="trial.started").count()
    return Trial.objects.count(), License.objects.count(), Issuance.objects.count(), events


def at_once(call: Callable[[], Any], times: int = SWEEPS) -> list[Any]:
    """Run the same call from several threads that start together."""
    start = threading.Barrier(times)

    def run() -> Any:
        start.wait(30)
        return call()

    return together([run] * times)


def test_forty_requests_of_one_group_make_one_trial(program, prospect, ask, at):
    """E21, A21: one trial, one license, one key and one mail, however many ask for the group at once."""
    asked = together([lambda: ask(program, account=prospect)] * CALLS)
    assert Counter(one.granted.created for one in asked) == {True: 1, False: CALLS - 1}
    assert len({one.granted.issued.text for one in asked}) == 1
    assert one_of_everything() == (1, 1, 1, 1)
    assert mailed(at) == ["trial_welcome"]


def test_forty_storefront_calls_of_one_mailbox_make_one_trial(make_key, at):
    """A21: the same mailbox in five spellings, each call with an idempotency key of its own."""
    token = make_key("full-admin")

    def post(number: int) -> Callable[[], int]:
        body = {"email": SPELLINGS[number % len(SPELLINGS)], "product_key": "demo"}
        return lambda: Api(token).post("/api/v1/trials", body, key=f"visit-{number}").status_code

    assert Counter(together([post(number) for number in range(CALLS)])) == {201: 1, 200: CALLS - 1}
    assert one_of_everything() == (1, 1, 1, 1)
    assert TrialRequest.objects.values("address").distinct().count() == 1
    assert mailed(at) == ["trial_welcome"]


def test_one_idempotency_key_sent_forty_times_is_one_request(make_key, at):
    """E21: whoever comes second waits for the first answer or is told that it is being made."""
    token = make_key("full-admin")
    body = {"email": SPELLINGS[0], "product_key": "demo"}
    done = together([lambda: Api(token).post("/api/v1/trials", body, key="visit").status_code] * CALLS)
    assert set(done) <= {201, 409}
    assert 201 in done
    assert one_of_everything() == (1, 1, 1, 1)
    assert TrialRequest.objects.count() == 1


def test_forty_strangers_of_one_mailbox_make_one_trial(settings, at):
    """A21: strangers are all told the same, and one mail goes out."""
    settings.TRIAL_LIMIT = "1000/h"

    def post(number: int) -> Callable[[], int]:
        body = {"email": SPELLINGS[number % len(SPELLINGS)], "product_key": "demo"}
        return lambda: Api().post("/api/v1/trials", body).status_code

    assert set(together([post(number) for number in range(CALLS)])) == {202}
    assert one_of_everything() == (1, 1, 1, 1)
    assert mailed(at) == ["trial_welcome"]


def test_forty_calls_of_the_license_operator_get_one_text(make_key, prospect):
    """E21: one trial a group; every caller holds the same key in the end."""
    path, body = (
        f"/authlance/license/trial/{prospect.slug}/issue",
        {"email": SPELLINGS[0], "productKey": "demo"},
    )
    token = make_key("full-admin")

    def post() -> tuple[int, str]:
        answer = Api(token).post(path, body)
        return answer.status_code, answer.content.decode()

    done = together([post] * CALLS)
    assert Counter(status for status, _ in done) == {201: 1, 200: CALLS - 1}
    assert len({text for _, text in done}) == 1
    assert one_of_everything() == (1, 1, 1, 1)


def test_colleagues_of_one_company_share_the_trial(program, ask, at):
    """A21: twenty addresses of one company; each gets the license by mail, and there is one of it."""
    asked = together([(lambda n=n: ask(program, f"person{n}@initech.example")) for n in range(20)])
    assert len({one.granted.trial.pk for one in asked}) == 1
    assert one_of_everything() == (1, 1, 1, 1)
    assert Counter(Message.objects.values_list("recipient", flat=True)).most_common(1)[0][1] == 1
    mailed(at)
    assert Message.objects.values("recipient").distinct().count() == 20


def test_sweeps_of_posture_at_once_write_one_event_a_step(make_license, at):
    """A13: one event a change, whoever comes first."""
    rows = [make_license(expires_at=at + 60 * DAY) for _ in range(20)]
    for day in (45, 61, 90):
        changed = at_once(lambda day=day: posture_sweep(at=at + day * DAY))
        assert sum(changed) == len(rows)
    steps = Event.objects.filter(kind="posture.changed").values_list("subject", "data__to")
    assert Counter(Counter(steps).values()) == {1: 3 * len(rows)}


def test_sweeps_of_node_caps_at_once_write_one_event_a_step(make_license, at):
    """A15, A16: each step up of each spell is told once."""
    rows = [make_license() for _ in range(20)]
    for number, row in enumerate(rows):
        beat_apply(license_pk=row.pk, beat=Beat(f"install-{number:04}", "2.4.1", "Linux", 9), at=at)
    for day in (7, 30, 31):
        at_once(lambda day=day: node_cap_sweep(at=at + day * DAY))
    steps = Event.objects.filter(kind="node_cap.escalated").values_list("subject", "data__state")
    assert Counter(Counter(steps).values()) == {1: 2 * len(rows)}
    assert set(NodeCapEpisode.objects.values_list("state", flat=True)) == {"escalated"}


def test_runs_of_the_course_at_once_send_each_mail_once(program, ask, at):
    """A25: two runs at once, and the sweep of trials beside them."""
    for number in range(10):
        ask(program, f"ada@company-{number}.example")
    for day in (0, 3, 16, 24, 28, 31, 38):
        later = (at + day * DAY).replace(hour=12)
        at_once(lambda later=later: (trial_sweep(at=later), drip_run(at=later)))
    sent = Counter(DripEntry.objects.filter(state="sent").values_list("step", flat=True))
    assert set(sent.values()) == {10}
    assert sum(sent.values()) == Message.objects.count()
    assert Counter(Message.objects.values_list("recipient", "dedupe_key")).most_common(1)[0][1] == 1
    assert Event.objects.filter(kind="trial.ended").count() == 10


def test_a_license_mailed_a_moment_ago_is_not_mailed_again(program, ask, at):
    """A21: asking twice in a row brings one mail; who lost it asks again later."""
    ask(program)
    ask(program)
    assert mailed(at) == ["trial_welcome"]
    ask(program, when=at + timedelta(minutes=11))
    assert mailed(at + timedelta(minutes=11)) == ["trial_welcome"] * 2
