from __future__ import annotations

from datetime import timedelta

import pytest

from history.models import Event
from licenses import selectors
from licenses.domain.verification import verify
from licenses.models import Issuance, License
from licenses.services import bulk
from licenses.services.keys import key_revoke
from licenses.services.lifecycle import license_reinstate, license_suspend
from licenses.services.reissuing import licenses_reissue

BY = {"actor": "system:reissue"}


@pytest.fixture
def leaked(make_license, issue, import_key, other_rsa_pem, at):
    """Five licenses under a key of the product that is revoked now; the shared key signs from here on."""
    rows = [make_license(seats=number) for number in range(5)]
    key = import_key(other_rsa_pem, product=rows[0].product)
    for row in rows:
        issue(row, format="jwt" if row.seats else "envelope")
    assert selectors.live_licenses_of_key(key).count() == 5
    return key_revoke(key=key, reason="leaked", actor="cli:test", at=at, force=True)


def test_every_live_license_is_signed_anew(leaked, rsa_key, at):
    """Rotation: mass re-issue after a revoked key, each in its format, with its terms unchanged."""
    assert licenses_reissue(kid=leaked.kid, **BY, at=at) == 5
    newest = [selectors.latest_issuance(row) for row in License.objects.order_by("pk")]
    assert {entry.signing_key for entry in newest} == {rsa_key}
    assert [entry.format for entry in newest] == ["envelope", "jwt", "jwt", "jwt", "jwt"]
    assert [entry.claims["seats"] for entry in newest] == [0, 1, 2, 3, 4]
    assert {entry.supersedes.signing_key for entry in newest} == {leaked}
    assert Event.objects.filter(kind="license.reissued").count() == 5


def test_a_second_run_signs_nothing_twice(leaked, at):
    """Resumable: what is done no longer belongs to the revoked key."""
    licenses_reissue(kid=leaked.kid, **BY, at=at)
    assert licenses_reissue(kid=leaked.kid, **BY, at=at) == 0
    assert Issuance.objects.count() == 10


def test_a_run_that_was_killed_is_resumed(leaked, at):
    """Killed between two batches: the next run does the rest."""
    run = bulk.licenses_issue(
        licenses=selectors.live_licenses_of_key(leaked),
        replacing=leaked,
        channel="bulk",
        at=at,
        batch=2,
        **BY,
    )
    assert len(next(run).issued) == 2
    run.close()
    assert licenses_reissue(kid=leaked.kid, **BY, at=at) == 3


def test_who_refuses_does_not_stop_the_others(leaked, at):
    """Suspended licenses are left; they are signed when they are reinstated and issued."""
    first = License.objects.order_by("pk").first()
    license_suspend(license=first, reason="dispute", actor="cli:test", at=at)
    assert licenses_reissue(kid=leaked.kid, **BY, at=at) == 4


def test_ended_licenses_are_not_signed_anew(leaked, at):
    late = at + timedelta(days=1000)
    assert licenses_reissue(kid=leaked.kid, **BY, at=late) == 0


def test_without_a_name_it_looks_after_what_staff_asked_for(leaked, at):
    """The hourly sweep replaces only where that was asked."""
    assert licenses_reissue(**BY, at=at) == 0
    type(leaked).objects.filter(pk=leaked.pk).update(replace=True)
    assert licenses_reissue(**BY, at=at) == 5


def test_the_new_texts_verify_with_the_published_keys(leaked, at):
    licenses_reissue(kid=leaked.kid, **BY, at=at)
    from licenses.domain.keys import KeySet
    from licenses.services.artifacts import artifact_text

    keys = KeySet.from_jwks(selectors.jwks())
    texts = [artifact_text(issuance=i, actor="user:1", at=at) for i in Issuance.objects.order_by("pk")]
    held = [verify(text, keys, now=at, issuer="signet", audience="demo").ok for text in texts]
    assert held == [False] * 5 + [True] * 5


def test_a_suspended_license_still_counts_on_its_key(leaked, at):
    """Reinstated it needs a key that verifies, so it is counted, and signed anew after that."""
    first = License.objects.order_by("pk").first()
    license_suspend(license=first, reason="dispute", actor="cli:test", at=at)
    assert selectors.live_licenses_of_key(leaked).count() == 5
    licenses_reissue(kid=leaked.kid, **BY, at=at)
    license_reinstate(license=first, reason="", actor="cli:test", at=at)
    assert licenses_reissue(kid=leaked.kid, **BY, at=at) == 1
