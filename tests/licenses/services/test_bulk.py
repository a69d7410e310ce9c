"""Signing many licenses in batches."""

from __future__ import annotations

import hashlib

import pytest

from config.kit.sealing import unseal
from history.models import Event
from licenses import selectors
from licenses.domain.verification import verify
from licenses.models import Issuance, License
from licenses.services.bulk import licenses_issue
from licenses.services.lifecycle import license_suspend

BY = {"channel": "bulk", "actor": "cli:test"}


@pytest.fixture
def rows(make_license, rsa_key):
    return [make_license(seats=number) for number in range(1, 6)]


def test_every_license_gets_a_text_that_verifies_and_is_kept(rows, at):
    """A2: the issuance, its sealed text and its event say the same."""
    signed = [
        one
        for batch in licenses_issue(licenses=License.objects.all(), batch=2, at=at, **BY)
        for one in batch.issued
    ]
    assert [one.license_id for one in signed] == [row.public_id for row in rows]
    for row, one in zip(rows, signed, strict=True):
        issuance = selectors.latest_issuance(row)
        kept = Issuance.objects.values_list("artifact", flat=True).get(pk=issuance.pk)
        found = verify(one.text, selectors.key_set(), now=at, issuer="signet", audience="demo")
        event = Event.objects.get(kind="license.issued", subject=f"license:{one.license_id}")
        assert (found.ok, found.claims.to_payload()) == (True, issuance.claims)
        assert unseal(kept).decode() == one.text
        assert event.data["sha256"] == issuance.text_sha256 == hashlib.sha256(one.text.encode()).hexdigest()
        assert (event.data["jti"], event.account) == (issuance.jti_text, row.account.customer_id)


def test_each_supersedes_the_newest_of_its_own_license(rows, issue, at):
    """A2: one unbroken chain for each license."""
    before = [issue(row).issuance for row in rows[:2]]
    for _ in range(2):
        list(licenses_issue(licenses=License.objects.all(), at=at, **BY))
    for row, first in zip(rows, [*before, None, None, None], strict=True):
        third, second, *rest = row.issuances.order_by("-pk")
        assert (third.supersedes_id, second.supersedes_id) == (second.pk, first and first.pk)
        assert len(rest) == (first is not None)


def test_who_refuses_is_named_and_does_not_stop_the_others(rows, at):
    """C25: a suspended license is left."""
    license_suspend(license=rows[2], reason="dispute", actor="cli:test", at=at)
    (batch,) = licenses_issue(licenses=License.objects.all(), at=at, **BY)
    assert [(name, refusal.code) for name, refusal in batch.refused] == [
        (rows[2].public_id, "license_suspended")
    ]
    assert (len(batch.issued), Issuance.objects.count()) == (4, 4)


def test_texts_need_not_be_kept(rows, at):
    """E2"""
    list(licenses_issue(licenses=License.objects.all(), persist=False, at=at, **BY))
    assert not Issuance.objects.filter(artifact__isnull=False).exists()
    assert Issuance.objects.count() == 5
