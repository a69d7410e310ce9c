"""From a request to a living installation to a renewal: HTTP, a real SMTP server, and a clock that moves."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from django.core.cache import cache

from history.services import reader_run, sequence
from licenses.domain.client.deployment import Deployment
from licenses.domain.posture import WriteRefusedError
from licenses.services.node_caps import node_cap_sweep
from licenses.services.posture import posture_sweep
from notifications.models import DripStep, Message
from notifications.services.drips import drip_run
from tests.notifications.smtp import Mailbox
from tests.trials.conftest import *  # noqa: F403 - a program and an office that signs
from trials.services.running import trial_sweep

pytestmark = [pytest.mark.enable_socket, pytest.mark.django_db(transaction=True)]

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def postbox(settings):
    """The requester's mail server."""
    mailbox = Mailbox()
    mailbox.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", mailbox.port, 20
    yield mailbox
    mailbox.close()


@pytest.fixture
def beat_of(api, clock):
    """Return the network of a deployment: its heartbeat goes to the API, its answer comes back."""

    def send(deployment: Deployment):
        cache.clear()
        body = deployment.beat()
        answer = api.as_(deployment.text).post("/api/v1/heartbeats", body)
        assert answer.status_code == 200, answer.content
        deployment.told(body, answer.json())
        return answer.json()

    return send


def work(at) -> None:
    """What beat does, in the order of the day's work."""
    posture_sweep(at=at)
    node_cap_sweep(at=at)
    trial_sweep(at=at)
    sequence(at=at)
    for reader in ("trials", "trial-mail", "node-cap-mail"):
        reader_run(reader, at=at)
    drip_run(at=at)


def key_in(mail) -> str:
    """The license out of a mail's text, as a person copies it."""
    text = mail.get_body(("plain",)).get_content()
    return re.search(r"eyJ[\w-]+\.[\w-]+\.[\w-]+", text.replace("\r\n", "\n"))[0]


def subjects(postbox) -> list[str]:
    return [str(mail["Subject"]) for mail in postbox.accepted]


def test_the_whole_loop_of_a_trial(api, make_key, program, postbox, beat_of, clock, tmp_path):
    """A21, A22, A17, A15, A25, A9, A10, A26, A12: request, mail, install, grow, expire, renew."""
    work(clock.at)
    asked = api.post("/api/v1/trials", {"email": "ada@initech.example", "product_key": "demo"})
    assert asked.status_code == 202
    work(clock.at)
    deployment = Deployment(tmp_path / "d", issuer="signet", audience="demo", nodes=1)
    (deployment.folder / "jwks.json").write_text(api.get("/.well-known/jwks.json").content.decode())
    assert deployment.status(clock.at).license_required
    assert deployment.replace(key_in(postbox.accepted[0]), clock.at).state == "valid"
    _installs_and_grows(deployment, beat_of, clock)
    _expires(deployment, beat_of, clock, postbox)
    _is_renewed(api.as_(make_key("full-admin")), deployment, beat_of, clock)


def _installs_and_grows(deployment, beat_of, clock) -> None:
    """Over its cap from day 1: quiet for a week, then a notice; nothing is ever blocked."""
    clock.advance(3 * HOUR)
    assert beat_of(deployment)["node_cap"]["state"] == "within"
    clock.advance(DAY)
    deployment.nodes = 3
    states = []
    for _ in range(26):
        states.append(beat_of(deployment)["node_cap"]["state"])
        deployment.guard_write(clock.at)
        work(clock.at)
        clock.advance(DAY)
    assert states == ["quiet"] * 7 + ["notice"] * 19
    assert deployment.messages[0]["code"] in {"license_expiring", "node_cap_notice"}


def _expires(deployment, beat_of, clock, postbox) -> None:
    """Warning, grace with writes, read-only; the course of mail arrived once each."""
    seen = []
    for _ in range(12):
        view = deployment.status(clock.at)
        beat_of(deployment)
        work(clock.at)
        if not seen or seen[-1] != view.posture.value:
            seen.append(view.posture.value)
        clock.advance(DAY)
    assert seen == ["warning", "grace", "read_only"]
    with pytest.raises(WriteRefusedError):
        deployment.guard_write(clock.at)
    for _ in range(10):
        work(clock.at)
        clock.advance(DAY)
    assert subjects(postbox) == [
        "Your Demo trial",
        "Your Demo is outgrowing its license",
        "Ready for a pilot with Demo?",
        "Your Demo trial ends in 7 days",
        "Your Demo trial ends in 3 days",
        "Your Demo trial has ended",
        "Your Demo has outgrown its license",
        "What did you think of Demo?",
    ]


def _is_renewed(staff, deployment, beat_of, clock) -> None:
    """The vendor renews, the new key is pasted, and everything works again."""
    license_id = staff.get("/api/v1/trials").json()["results"][0]["license_id"]
    renewed = staff.post(f"/api/v1/licenses/{license_id}/renew", {"months": 12})
    assert renewed.status_code == 201, renewed.content
    assert deployment.replace(renewed.json()["text"], clock.at).state == "valid"
    deployment.guard_write(clock.at)
    assert beat_of(deployment)["posture"] == "valid"


LOST = range(24 * 21, 24 * 24)
"""Hours in which beat is missing."""


def ticks(month: int) -> list[int]:
    """Hours since the start at which beat works: each of one month of thirty days, every seventh of the others."""
    return [
        hour for hour in range(24 * 90) if (hour // (24 * 30) == month or hour % 7 == 0) and hour not in LOST
    ]


@pytest.mark.once
@pytest.mark.parametrize("month", [0, 1, 2])
@pytest.mark.parametrize(
    ("zone", "start"),
    [
        ("Europe/Berlin", "2026-03-20T09:30:00+00:00"),
        ("America/New_York", "2028-02-10T22:15:00+00:00"),
        ("Australia/Lord_Howe", "2026-09-20T00:45:00+00:00"),
    ],
)
def test_ninety_days_hour_by_hour_with_three_days_lost(program, ask, clock, zone, start, month):
    """A25: daylight saving, a leap day, beat missing for three days: no mail twice, none lost."""
    DripStep.objects.exclude(slug="welcome").update(zone=zone)
    began = datetime.fromisoformat(start)
    clock.set(began)
    ask(program, when=began)
    for hour in ticks(month):
        clock.set(began + hour * HOUR)
        trial_sweep(at=clock.at)
        drip_run(at=clock.at)
    keys = Message.objects.order_by("id").values_list("dedupe_key", flat=True)
    steps = [key.rpartition(":")[2] for key in keys]
    assert steps == ["welcome", "install-help", "middle", "ends-in-7", "ends-in-3", "expired", "follow-up"]
