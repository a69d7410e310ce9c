"""A storm of webhooks against real web and worker processes that are killed at random (trust: faults to survive).

`--storm=30x4` says how many purchases and how many deliveries of each event; see CONTRIBUTING.md.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as product
from django.core import mail
from django.db import connection

from billing.models import Checkout, Fulfilment, Payment, StripeEvent
from billing.services.merchants import merchant_default_ensure
from billing.services.processing import events_sweep
from config.kit import clock as clocks
from history.models import Event
from history.services import reader_run, sequence, verify
from licenses.models import Issuance, License
from notifications.models import BusMessage, Message
from notifications.selectors.messages import messages_due
from notifications.services import buyer_mail
from notifications.services.bus import READER, messages_dispatch
from notifications.services.sending import message_send
from tests.notifications.bus.conftest import bus, nats_server
from tests.notifications.bus.test_jetstream import stored
from tests.stripe_double.driver import KEY, SECRET, WEBHOOK

__all__ = ["bus", "nats_server"]  # fixtures
pytestmark = [
    pytest.mark.services, pytest.mark.postgres, pytest.mark.stress, pytest.mark.timeout(1800),
    pytest.mark.django_db(transaction=True),
]  # fmt: skip
ROOT = Path(__file__).parents[3]
ROUNDS = 3
WEBS = 2
PATIENCE = 60.0


@dataclass
class Office:
    """Two web servers and a worker, each of them started again after it was killed."""

    folder: Path
    chance: random.Random
    ports: list[int] = field(default_factory=list)
    parts: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    killed: int = 0

    @property
    def urls(self) -> list[str]:
        return [f"http://127.0.0.1:{port}{WEBHOOK}" for port in self.ports]

    def open(self) -> None:
        self.ports = [_free_port() for _ in range(WEBS)]
        for name in self.names:
            self.start(name)
        self.wait()

    @property
    def names(self) -> list[str]:
        return [*(f"web-{port}" for port in self.ports), "worker"]

    def start(self, name: str) -> None:
        kind, _, port = name.partition("-")
        command = {
            "web": (
                "granian", "--interface", "wsgi", "--no-ws", "--host", "127.0.0.1", "--port", port, "--workers",
                "1", "--blocking-threads", "4", "--workers-kill-timeout", "3", "--log-level", "error",
                "config.wsgi:application",
            ),
            "worker": (
                "celery", "--quiet", "-A", "config", "worker", "--pool", "prefork", "--concurrency", "2",
                "--without-gossip", "--without-mingle",
            ),
        }[kind]  # fmt: skip
        with (self.folder / f"{name}.log").open("ab") as log:
            self.parts[name] = subprocess.Popen(
                [sys.executable, "-m", *command], cwd=ROOT, env=self.environment, start_new_session=True,
                stdout=log, stderr=log,
            )  # fmt: skip

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        address = connection.settings_dict
        host = f"{address['HOST'] or '127.0.0.1'}:{address['PORT'] or 5432}"
        who = f"{address['USER']}:{address['PASSWORD']}" if address["PASSWORD"] else address["USER"]
        return {
            **kept,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "SIGNET_DATABASE_URL": f"postgres://{who}@{host}/{address['NAME']}",
            "SIGNET_DATA": str(self.folder),
            "SIGNET_KEY_ENCRYPTION_KEYS": product.KEY_ENCRYPTION_KEYS[0],
            "SIGNET_STRIPE_API_BASE": product.STRIPE_API_BASE,
            "SIGNET_STRIPE_API_KEY": KEY,
            "SIGNET_STRIPE_WEBHOOK_SECRETS": SECRET,
            "SIGNET_LOG_LEVEL": "ERROR",
        }

    def kill_one(self) -> None:
        """End a process and its children as a lost machine would, and start it again."""
        name = self.chance.choice(self.names)
        self._kill(name)
        self.killed += 1
        self.start(name)

    def wait(self) -> None:
        """Until every web server answers."""
        deadline = time.monotonic() + PATIENCE
        for port in self.ports:
            while not _answers(port):
                assert time.monotonic() < deadline, (self.folder / f"web-{port}.log").read_text()
                time.sleep(0.1)

    def close(self) -> None:
        for name in list(self.parts):
            self._kill(name)

    def _kill(self, name: str) -> None:
        process = self.parts.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        return bool(urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2).status)
    except OSError:
        return False


@pytest.fixture
def office(tmp_path, stripe, signing) -> Iterator[Office]:
    running = Office(tmp_path, random.Random(7))
    running.open()
    yield running
    running.close()


@pytest.fixture
def size(request) -> tuple[int, int]:
    """Purchases, and deliveries of each event."""
    purchases, _, times = request.config.getoption("--storm").partition("x")
    return int(purchases), int(times)


def test_every_purchase_of_a_storm_becomes_one_license(size, office, stripe, one_off, offer, customer, bus):
    """Invariants 1, 3, 4, 8 and 9: duplicates, disorder, four API versions, forgeries, and processes killed."""
    purchases, times = size
    merchant_default_ensure()
    _read_history()  # from here on
    stripe.stand(clocks.now())
    _pay(stripe, [one_off, offer], customer, purchases)
    statuses = _storm(stripe, office, times)
    _redeliver_until_taken(stripe, office)
    office.close()
    _finish()
    assert office.killed >= ROUNDS * 2
    assert set(statuses) <= {0, 200, 400}, "0 is a connection that was lost with its server"
    assert 0 < statuses[400] <= ROUNDS * 10
    _check(purchases)
    for _ in range(2):  # a second run has nothing left to publish
        messages_dispatch(clock=clocks.now, publish=bus.publish, limit=100_000)
    published = stored(product.NATS_URL)
    assert len(published) == len({message for _, message, _ in published}) == purchases


def _pay(stripe: Any, offers: list[Any], account: Any, purchases: int) -> None:
    from billing.services.checkouts import checkout_open
    from billing.services.reservations import Wish

    for number in range(purchases):
        wish = Wish(lookup_key=offers[number % len(offers)].lookup_key)
        checkout = checkout_open(wish=wish, account=account, actor="cli:test", at=clocks.now())
        stripe.pay(checkout.session_id, email=f"buyer{number}@acme.example")


def _storm(stripe: Any, office: Office, times: int) -> Counter[int]:
    """Deliver in rounds. In each two processes are killed at its beginning, and others as long as it lasts."""
    statuses: Counter[int] = Counter()
    for number in range(ROUNDS):
        share = times // ROUNDS + (number < times % ROUNDS)
        with ThreadPoolExecutor(1) as pool:
            told = pool.submit(
                stripe.storm, times=share, seed=number, bad=10, tries=1, workers=4, urls=office.urls
            )
            for _ in range(2):
                time.sleep(office.chance.uniform(0.2, 1.5))  # the moment of the loss is the point of this
                office.kill_one()
            while not wait([told], timeout=office.chance.uniform(2, 6)).done:
                office.kill_one()
            statuses.update({int(code): count for code, count in told.result()["statuses"].items()})
        office.wait()
    return statuses


def _redeliver_until_taken(stripe: Any, office: Office) -> None:
    """As Stripe does with what was not taken: what was lost with a server comes again."""
    for number in range(5):
        if not stripe.storm(times=1, seed=100 + number, tries=3, workers=4, urls=office.urls)["untaken"]:
            return
        office.wait()
    raise AssertionError("Stripe could not get rid of its events.")


def _finish() -> None:
    """What a dead worker held is taken up when its claim has lapsed: the sweep of some minutes later."""
    for minutes in (6, 12, 18):
        events_sweep(clock=lambda: clocks.now() + timedelta(minutes=minutes), limit=100_000)  # noqa: B023 - called at once


def _read_history() -> None:
    sequence(at=clocks.now())
    for reader in (buyer_mail.READER, READER):
        reader_run(reader, at=clocks.now(), limit=100_000)


def _check(purchases: int) -> None:
    stuck = StripeEvent.objects.exclude(state__in=("done", "ignored"))
    assert list(stuck.values_list("type", "state", "reason", "detail")) == []
    assert (License.objects.count(), Payment.objects.count(), Fulfilment.objects.count()) == (purchases,) * 3
    assert (Issuance.objects.count(), Checkout.objects.filter(state="paid").count()) == (purchases,) * 2
    assert Event.objects.filter(kind="payment.settled").count() == purchases
    assert Event.objects.filter(kind="license.issued").count() == purchases
    assert not StripeEvent.objects.filter(event_id__startswith="evt_forged").exists()
    _read_history()
    for _ in range(2):  # a second run has nothing left to send
        for pk in messages_due(at=clocks.now(), limit=100_000):
            message_send(pk=pk, at=clocks.now())
    mails = Message.objects.filter(template="purchase", state="sent")
    assert len(set(mails.values_list("recipient", flat=True))) == mails.count() == purchases
    assert Counter(sent.to[0] for sent in mail.outbox) == Counter(mails.values_list("recipient", flat=True))
    assert BusMessage.objects.count() == purchases
    sequence(at=clocks.now())  # what making the mails has added
    verdict = verify()
    assert verdict.problem is None
    assert verdict.size == Event.objects.count()
