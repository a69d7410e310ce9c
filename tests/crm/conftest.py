"""A section that is switched on, and the reader of history that feeds it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.apps import apps

from tests.billing.money import *  # noqa: F403 - buyers pay
from tests.trials.conftest import *  # noqa: F403 - leads come from trials

collect_ignore_glob = [] if apps.is_installed("crm") else ["*"]


@pytest.fixture
def granted(own_license_grants):
    """Our own license carries the CRM, and lifts every cap."""
    from licenses.domain.tier_caps import CAPS

    own_license_grants("crm", *(rule.entitlement for rule in CAPS.values()))


@pytest.fixture
def crm_on(db, granted, at):
    """The section is shown."""
    from crm.services.section import section_activate

    return section_activate(actor="cli:test", at=at)


@pytest.fixture
def follow(db, at) -> Callable[..., None]:
    """Return what lets every reader that matters here read to the end: `follow(at)`."""
    from history.services import reader_run, sequence

    def do(when: datetime | None = None) -> None:
        for name in ("trials", "crm"):
            sequence(at=when or at)
            reader_run(name, at=when or at)

    return do


@pytest.fixture
def beat() -> Callable[..., None]:
    """Return an installation's heartbeat: `beat(license, at, nodes=9)`."""
    from licenses.domain.heartbeats import Beat
    from licenses.services.heartbeats import beat_apply

    def do(
        row: Any, when: datetime, nodes: int = 1, name: str = "install-0001", version: str = "2.4.1"
    ) -> None:
        beat_apply(license_pk=row.pk, beat=Beat(name, version, "Linux", nodes), at=when)

    return do


@pytest.fixture
def turn() -> Callable[..., None]:
    """Return what has Stripe tell of a cycle: `turn(cycle, "cancelled", at)`."""
    from django.db import transaction

    from billing.domain.enums import SubscriptionState
    from billing.services.subscriptions import _turn

    def do(row: Any, state: str, when: datetime) -> None:
        row.cancel_at_period_end = state == "cancelled"
        with transaction.atomic():
            _turn(row, SubscriptionState(state), "system:stripe", when)

    return do


@pytest.fixture
def fail_payment() -> Callable[..., None]:
    """Return what has an invoice of a cycle fail: `fail_payment(cycle, "in_1", at)`."""
    from django.db import transaction

    from history.services import record

    def do(row: Any, invoice: str, when: datetime) -> None:
        data = {"invoice": invoice, "currency": "eur", "amount_minor": 12_000}
        with transaction.atomic():
            record(
                kind="payment.failed", subject=f"subscription:{row.stripe_id}", data=data,
                account=row.account.customer_id, actor="system:stripe", at=when,
            )  # fmt: skip

    return do


@pytest.fixture
def settle(make_payment) -> Callable[..., Any]:
    """Return what has money arrive: `settle(at, licenses=(row,), customer_email="ada@acme.example")`."""
    from django.db import transaction

    from billing.services.recording import payment_record

    def do(when: datetime, *, licenses: tuple[Any, ...] = (), **fields: Any) -> Any:
        with transaction.atomic():
            payment = make_payment(licenses=licenses, paid_at=when, recorded_at=when, **fields)
            payment_record(payment, list(licenses), actor="system:stripe", at=when)
        return payment

    return do


@pytest.fixture
def make_person(db, at):
    """Return a maker of people: `make_person("grace@globex.example", name="Grace")`."""
    from crm.services.people import person_create

    def make(email: str = "grace@globex.example", **given: Any):
        return person_create(email=email, **given, actor="cli:test", at=at)

    return make


@pytest.fixture
def make_task(db, at):
    """Return a maker of tasks written by hand: `make_task("Call")`."""
    from crm.services.tasks import task_create

    def make(title: str = "Call Grace", **given: Any):
        return task_create(title=title, **given, actor="cli:test", at=at)

    return make
