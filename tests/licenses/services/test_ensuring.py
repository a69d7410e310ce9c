"""One license for one group, product and plan."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection

from config.kit.errors import Invalid
from licenses.errors import LicenseSuspended
from licenses.models import Issuance, License
from licenses.services.ensuring import license_ensure
from licenses.services.issuing import license_create
from licenses.services.keys import key_revoke
from licenses.services.lifecycle import license_revoke, license_suspend

pytestmark = pytest.mark.django_db
CALLERS = 20


@pytest.fixture
def ensure(customer, enterprise, signing, at):
    """Return a caller: `ensure(terms={"seats": 5})`."""

    def call(**more):
        facts = {
            "account": customer,
            "plan": enterprise,
            "origin": "cli",
            "channel": "cli",
            "actor": "cli:test",
        }
        return license_ensure(**{**facts, "at": at, **more})

    return call


def test_the_first_call_makes_the_license_and_the_second_gives_it(ensure):
    """E2, E3."""
    first, second = ensure(), ensure()
    assert (first.created, second.created) == (True, False)
    assert first.issued.text == second.issued.text
    assert first.license == second.license


@pytest.mark.parametrize("end", [license_revoke, None])
def test_what_has_ended_does_not_stand_in_the_way(end, ensure, at):
    """E2: the existing one must be active."""
    first = ensure()
    if end:
        end(license=first.license, reason="refunded", actor="cli:test", at=at)
        again = ensure()
    else:
        again = ensure(at=first.license.expires_at)
    assert again.created
    assert again.license != first.license


def test_a_suspended_license_is_not_bought_anew(ensure, at):
    first = ensure()
    license_suspend(license=first.license, reason="dispute", actor="cli:test", at=at)
    with pytest.raises(LicenseSuspended):
        ensure()
    assert License.objects.count() == 1


def test_an_active_license_counts_beside_a_suspended_one(ensure, customer, enterprise, at):
    first = ensure()
    other = license_create(account=customer, plan=enterprise, origin="cli", actor="cli:test", at=at)
    license_suspend(license=other, reason="dispute", actor="cli:test", at=at)
    assert ensure().license == first.license


def test_a_test_key_is_not_what_was_sold(ensure, customer, enterprise, at):
    """D2."""
    license_create(account=customer, plan=enterprise, kind="test", origin="cli", actor="cli:test", at=at)
    assert ensure().created


def test_another_plan_is_another_license(ensure, trial):
    assert ensure().created
    assert ensure(plan=trial).created


def test_a_text_of_a_revoked_key_is_not_given_out(ensure, at, import_key, other_rsa_pem):
    first = ensure()
    key_revoke(key=first.issued.issuance.signing_key, reason="leaked", force=True, actor="cli:test", at=at)
    import_key(other_rsa_pem)
    again = ensure()
    assert (again.created, again.license) == (False, first.license)
    assert again.issued.issuance.signing_key != first.issued.issuance.signing_key


def test_an_end_in_the_past_writes_nothing(ensure, at):
    with pytest.raises(Invalid):
        ensure(terms={"expires_at": at - timedelta(days=1)})
    assert not License.objects.exists()


@pytest.mark.postgres
def test_twenty_parallel_orders_make_one_license(transactional_db, ensure):
    """E2: decided under a lock on the account."""
    together = threading.Barrier(CALLERS)

    def call(_: int):
        try:
            together.wait(10)
            return ensure()
        finally:
            connection.close()

    with ThreadPoolExecutor(CALLERS) as pool:
        answers = list(pool.map(call, range(CALLERS)))
    assert [answer.created for answer in answers].count(True) == 1
    assert len({answer.issued.text for answer in answers}) == 1
    assert License.objects.count() == Issuance.objects.count() == 1
