"""Parallel callers on PostgreSQL, each with a connection and transactions of its own."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from config.kit.errors import Refusal
from history.models import Event
from licenses import selectors
from licenses.domain.enums import Algorithm
from licenses.domain.keys import KeySet
from licenses.domain.verification import verify
from licenses.models import Issuance, License, Renewal, SigningKey
from licenses.services.ensuring import license_ensure
from licenses.services.issuing import license_issue
from licenses.services.keys import key_revoke, key_rotate
from licenses.services.lifecycle import license_revoke
from licenses.services.reissuing import licenses_reissue
from licenses.services.renewing import license_renew

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

THREADS, CALLS = 20, 50
BY = {"actor": "cli:test"}
SIGN = {"channel": "cli", **BY}


def together(calls: list[Callable[[], Any]]) -> list[Any]:
    """Run the calls from as many threads at once as there are; a refusal is a result, anything else raises."""
    start = threading.Barrier(min(THREADS, len(calls)))
    waiting = threading.local()

    def run(call: Callable[[], Any]) -> Any:
        if not getattr(waiting, "over", False):
            waiting.over = True
            start.wait(30)
        try:
            return call()
        except Refusal as refusal:
            return refusal.code
        finally:
            connection.close()

    with ThreadPoolExecutor(start.parties) as pool:
        return list(pool.map(run, calls))


@pytest.fixture
def row(make_license, ed_key, product, at):
    """A license of a product that signs with Ed25519."""
    from licenses.services.catalogue import product_update

    product_update(product=product, algorithm="EdDSA", **BY, at=at)
    return License.objects.get(pk=make_license().pk)


def chain(license_: License) -> list[int]:
    """The issuances from the newest back, each by what it supersedes."""
    by_id = {entry.pk: entry for entry in license_.issuances.all()}
    superseded = {entry.supersedes_id for entry in by_id.values()}
    links = [next(iter(set(by_id) - superseded))]
    while (previous := by_id[links[-1]].supersedes_id) is not None:
        links.append(previous)
    return links


def test_the_database_is_postgresql():
    assert connection.vendor == "postgresql"


def test_parallel_issues_of_one_license(row, at):
    """A2: fifty entries, fifty hashes, one unbroken chain in the order of their ids."""
    issued = together([lambda: license_issue(license=row, **SIGN, at=at)] * CALLS)
    assert len({one.text for one in issued}) == CALLS
    assert len(set(Issuance.objects.values_list("text_sha256", flat=True))) == CALLS
    links = chain(row)
    assert (len(links), links) == (CALLS, sorted(links, reverse=True))


def test_parallel_renewals_add_up(row, at):
    """A26: each renewal starts where the one before it ended; none is lost."""
    together([lambda: license_renew(license=row, days=1, **SIGN, at=at)] * CALLS)
    renewals = list(Renewal.objects.order_by("pk"))
    assert len(renewals) == CALLS
    assert [r.old_expires_at for r in renewals[1:]] == [r.new_expires_at for r in renewals[:-1]]
    assert License.objects.get().expires_at == row.expires_at + timedelta(days=CALLS)


def test_one_of_many_revocations_succeeds(row, at):
    """C25: the others are told that it was revoked before."""
    done = together([lambda: license_revoke(license=row, reason="refund", **BY, at=at)] * CALLS)
    assert Counter(result for result in done if isinstance(result, str)) == {"already_revoked": CALLS - 1}
    assert Event.objects.filter(kind="license.revoked").count() == 1


def test_nothing_is_issued_after_a_revocation(row, at):
    """A27: among issues and renewals, the revocation is the last that happened to the license."""
    calls: list[Callable[[], Any]] = [lambda: license_issue(license=row, **SIGN, at=at)] * 25
    calls += [lambda: license_renew(license=row, days=1, **SIGN, at=at)] * 25
    calls.insert(20, lambda: license_revoke(license=row, reason="refund", **BY, at=at))
    done = together(calls)
    refused = [result for result in done if isinstance(result, str)]
    assert set(refused) <= {"license_revoked"}
    assert Issuance.objects.count() == 50 - len(refused)
    kinds = list(
        Event.objects.filter(subject=f"license:{row.public_id}")
        .exclude(kind="posture.changed")
        .order_by("pk")
        .values_list("kind", flat=True)
    )
    assert kinds[-1] == "license.revoked"
    assert len(kinds) == 50 - len(refused) + 2  # created, revoked


def test_keys_rotate_while_licenses_are_issued(row, at):
    """Rotation: every token verifies with the final key set; one key is active, the others are retired."""
    calls: list[Callable[[], Any]] = [lambda: license_issue(license=row, **SIGN, at=at)] * CALLS
    for place in (5, 15, 25, 35, 45):
        calls.insert(place, lambda: key_rotate(algorithm=Algorithm.EDDSA, **BY, at=at, force=True))
    done = together(calls)
    texts = [result.text for result in done if hasattr(result, "text")]
    assert len(texts) == CALLS
    keys = KeySet.from_jwks(selectors.jwks())
    assert all(verify(text, keys, now=at, issuer="signet", audience="demo").ok for text in texts)
    states = Counter(SigningKey.objects.filter(algorithm="EdDSA").values_list("state", flat=True))
    assert (states["active"], states["revoked"]) == (1, 0)


def test_parallel_first_rotations_leave_one_active_key(db, at):
    """Nobody meets an IntegrityError when several start an empty place at once."""
    done = together([lambda: key_rotate(algorithm=Algorithm.EDDSA, **BY, at=at)] * 10)
    assert {result for result in done if isinstance(result, str)} <= {"key_too_young", "key_state_wrong"}
    assert SigningKey.objects.filter(state="active").count() == 1


def test_parallel_rotations_stage_one_successor(ed_key, at):
    """Rotation: safe to repeat, also at once."""
    done = together([lambda: key_rotate(algorithm=Algorithm.EDDSA, **BY, at=at)] * 10)
    assert Counter(result for result in done if isinstance(result, str)) == {"key_too_young": 9}
    assert SigningKey.objects.filter(algorithm="EdDSA", state="staged").count() == 1


def test_parallel_wishes_make_one_license(row, at):
    """E2, E3: for a group, product and plan without a license; all are handed the same text."""
    License.objects.filter(pk=row.pk).delete()
    wish = {"account": row.account, "plan": row.plan, "origin": "cli", **SIGN, "at": at}
    done = together([lambda: license_ensure(**wish)] * CALLS)
    assert Counter(ensured.created for ensured in done) == {True: 1, False: CALLS - 1}
    assert len({ensured.issued.text for ensured in done}) == 1
    assert (License.objects.count(), Issuance.objects.count()) == (1, 1)


def test_parallel_runs_of_the_mass_reissue_sign_nothing_twice(make_license, row, ed_key, at):
    """Rotation: resumable also means that two workers may do it at once."""
    rows = [row, *(make_license() for _ in range(19))]
    for one in rows:
        license_issue(license=one, **SIGN, at=at)
    key_rotate(algorithm=Algorithm.EDDSA, **BY, at=at, force=True)
    key_revoke(key=ed_key, reason="leaked", **BY, at=at, force=True)
    done = together([lambda: licenses_reissue(kid=ed_key.kid, **BY, at=at)] * 4)
    assert sum(done) == 20
    assert Issuance.objects.count() == 40
    assert all(len(chain(one)) == 2 for one in rows)


def test_places_under_a_limit_are_exact(make_license, at):
    """C24, D21: 50 machines at once for 7 places."""
    from licenses.models import Activation
    from licenses.services.activations import activation_take

    row = make_license(machines=7)

    def take(number: int) -> Callable[[], Any]:
        return lambda: (
            activation_take(
                license_pk=row.pk, kind="machine", name=f"machine-{number}", actor="cli:test", at=at
            ).created
        )

    results = Counter(together([take(number) for number in range(CALLS)]))
    assert results == {True: 7, "too_many_machines": CALLS - 7}
    assert Activation.objects.filter(released_at=None).count() == 7


def test_places_taken_by_text_are_exact(row, at):
    """C24: 50 machines at once for 7 places, each by the license's own text; the count is what is held."""
    from licenses.models import Activation, PlaceCount
    from licenses.services.activations import activation_take_by_text

    License.objects.filter(pk=row.pk).update(machines=7)
    digest = license_issue(license=row, **SIGN, at=at).issuance.text_sha256

    def take(number: int) -> Callable[[], Any]:
        return lambda: (
            activation_take_by_text(digest=digest, kind="machine", name=f"machine-{number}", at=at).created
        )

    results = Counter(together([take(number) for number in range(CALLS)]))
    assert results == {True: 7, "too_many_machines": CALLS - 7}
    assert Activation.objects.filter(released_at=None).count() == PlaceCount.objects.get().used == 7
