"""Merges beside merges and beside what is given to an account, each in a transaction of its own."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import close_old_connections, connection, transaction

from accounts.errors import AccountMerged
from accounts.models import Account
from accounts.services.merging import account_hold, account_merge
from config.kit.errors import Refusal
from history.models import Event
from licenses.models import License

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def side_by_side():
    """Runs functions at once, each with a connection of its own; a refusal is a result."""

    def run(*functions):
        start = threading.Barrier(len(functions))

        def call(function):
            try:
                start.wait(timeout=10)
                return function()
            except Refusal as refusal:
                return refusal.code
            finally:
                connection.close()

        with ThreadPoolExecutor(len(functions)) as pool:
            return [future.result(timeout=60) for future in [pool.submit(call, f) for f in functions]]

    yield run
    close_old_connections()


@pytest.fixture
def merge(at):
    def make(loser, winner):
        return lambda: account_merge(account=loser, into=winner, actor="user:1", at=at).slug

    return make


def test_each_into_the_other_at_once_closes_one(make_account, make_license, side_by_side, merge):
    """D5: no deadlock, no circle, nothing lost."""
    for number in range(5):
        one, two = make_account(f"One {number}"), make_account(f"Two {number}")
        rows = [make_license(one), make_license(two)]
        results = side_by_side(merge(one, two), merge(two, one))
        assert "account_merged" in results
        winner = Account.objects.get(pk__in=[one.pk, two.pk], merged_into=None)
        assert {License.objects.get(pk=row.pk).account_id for row in rows} == {winner.pk}


def test_the_same_merge_many_times_at_once_is_one(make_account, make_license, side_by_side, merge):
    loser, winner = make_account("Loser"), make_account("Winner")
    make_license(loser)
    assert side_by_side(*[merge(loser, winner)] * 8) == ["winner"] * 8
    assert Event.objects.filter(kind="account.merged").count() == 2


def test_a_ring_of_merges_ends_with_every_license_at_an_open_account(
    make_account, make_license, side_by_side, merge
):
    """Chains that form while others form: all end flat."""
    accounts = [make_account(f"Account {number}") for number in range(6)]
    for account in accounts:
        make_license(account)
    pairs = zip(accounts, [*accounts[1:], accounts[0]], strict=True)
    side_by_side(*[merge(loser, winner) for loser, winner in pairs])
    assert not License.objects.filter(account__merged_into__isnull=False).exists()
    assert not Account.objects.filter(merged_into__merged_into__isnull=False).exists()


def test_what_is_given_while_an_account_closes_is_moved_or_refused(
    make_account, make_license, side_by_side, merge
):
    """D3, D5: no license is left with an account that is closed."""

    def give(account):
        def do():
            with transaction.atomic():
                account_hold(account)
                time.sleep(0.01)
                make_license(account)
            return "given"

        return do

    for number in range(5):
        loser, winner = make_account(f"Loser {number}"), make_account(f"Winner {number}")
        make_license(loser)
        results = side_by_side(give(loser), merge(loser, winner), give(loser), give(loser))
        assert set(results) <= {"given", winner.slug, AccountMerged.code}
        assert not License.objects.filter(account=loser).exists()
        assert License.objects.filter(account=winner).count() == 1 + results.count("given")


def test_a_merge_makes_nobody_wait_who_only_refers_to_the_account(make_account, merge, at):
    """A mail of a license that is locked elsewhere would else wait for the merge, and the merge for it."""
    loser, winner = make_account("Loser"), make_account("Winner")
    done = threading.Event()

    def refer():
        from accounts.models import ApiKey

        try:
            ApiKey.objects.create(name="k", prefix="p", token_sha256="0" * 64, role="support", account=loser)
            done.set()
        finally:
            connection.close()

    with transaction.atomic():
        account_merge(account=loser, into=winner, actor="user:1", at=at)
        thread = threading.Thread(target=refer)
        thread.start()
        assert done.wait(20)
    thread.join(20)
