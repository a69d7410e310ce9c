from __future__ import annotations

from datetime import UTC, datetime, timedelta

import jwt
import pytest

from config.kit.errors import Invalid
from history.models import Event
from licenses.domain.periods import RenewalAnchor
from licenses.errors import (
    LegacyLicense,
    LicensePerpetual,
    LicenseRevoked,
    LicenseSuspended,
    RenewalNotLater,
)
from licenses.models import Issuance, License, Renewal
from licenses.services.lifecycle import license_revoke, license_suspend
from licenses.services.renewing import license_renew

BY = {"channel": "cli", "actor": "cli:test"}


@pytest.fixture
def renew(at):
    def make(row, **options):
        return license_renew(license=row, **{**BY, "at": at, **options})

    return make


def test_renewing_extends_signs_and_keeps(granted, renew, at):
    """A26: a later end, a fresh token, a renewal row, and every earlier issuance as it was."""
    renewed = renew(granted.license, months=12, reason="paid by wire")
    row = License.objects.get()
    assert row.expires_at == renewed.renewal.new_expires_at
    claims = jwt.decode(renewed.issued.text, options={"verify_signature": False})
    assert claims["exp"] == int(row.expires_at.timestamp())
    stored = Renewal.objects.get()
    assert (stored.old_expires_at, stored.actor) == (granted.license.expires_at, "cli:test")
    assert (stored.reason, stored.renewed_at) == ("paid by wire", at)
    assert stored.issuance.supersedes == granted.issued.issuance
    assert Issuance.objects.get(pk=granted.issued.issuance.pk).claims == granted.issued.issuance.claims


def test_a_renewal_is_one_event_without_the_reason(granted, renew):
    """A13: free text of staff stays in its row."""
    renew(granted.license, days=30, reason="Ada from Acme called")
    event = Event.objects.get(kind="license.renewed")
    assert event.data["old_expires_at"] == granted.license.expires_at.isoformat()
    assert "Ada" not in str(event.data)


@pytest.mark.parametrize("back", [timedelta(0), timedelta(seconds=1), timedelta(days=400)])
def test_an_end_that_is_not_later_is_refused(granted, renew, back):
    """A26: nothing is written."""
    with pytest.raises(RenewalNotLater) as refused:
        renew(granted.license, until=granted.license.expires_at - back)
    assert (refused.value.code, refused.value.status) == ("renewal_not_later", 400)
    assert (Renewal.objects.count(), Issuance.objects.count()) == (0, 1)


def test_a_date_one_second_later_is_a_renewal(granted, renew):
    later = granted.license.expires_at + timedelta(seconds=1)
    assert renew(granted.license, until=later).renewal.new_expires_at == later


def test_months_count_from_the_old_end(make_license, issue, renew):
    """Time: 31 January and one month is the end of February."""
    row = make_license(expires_at=datetime(2027, 1, 31, 12, tzinfo=UTC))
    issue(row)
    assert renew(row, months=1).renewal.new_expires_at == datetime(2027, 2, 28, 12, tzinfo=UTC)


def test_an_ended_license_is_renewed_from_now(make_license, renew, signing, at):
    """Time: from the old end, unless that is past; and the posture comes back."""
    row = make_license(days=10)
    later = at + timedelta(days=100)
    renewed = renew(row, days=60, at=later)
    assert renewed.renewal.new_expires_at == later + timedelta(days=60)
    assert License.objects.get().posture == "valid"


def test_the_anchor_can_be_now_or_a_date(make_license, renew, signing, at):
    row = make_license(days=10)
    assert renew(row, days=20, anchor=RenewalAnchor.NOW).renewal.new_expires_at == at + timedelta(days=20)
    start = at + timedelta(days=15)
    dated = renew(row, days=20, anchor=RenewalAnchor.DATE, anchor_at=start)
    assert dated.renewal.new_expires_at == at + timedelta(days=35)


@pytest.mark.parametrize("term", [{}, {"months": 1, "days": 1}, {"days": 0}, {"months": -1}, {"days": 10**6}])
def test_a_term_that_is_none_is_refused(granted, renew, term):
    with pytest.raises(Invalid):
        renew(granted.license, **term)
    assert Renewal.objects.count() == 0


def test_a_revoked_license_is_not_renewed(granted, renew, at):
    """A27: code license_revoked."""
    license_revoke(license=granted.license, reason="refund", actor="cli:test", at=at)
    with pytest.raises(LicenseRevoked) as refused:
        renew(granted.license, days=30)
    assert refused.value.code == "license_revoked"


def test_a_suspended_license_is_not_renewed(granted, renew, at):
    """C25."""
    license_suspend(license=granted.license, reason="dispute", actor="cli:test", at=at)
    with pytest.raises(LicenseSuspended):
        renew(granted.license, days=30)


def test_a_perpetual_license_has_nothing_to_renew(make_license, community, renew):
    with pytest.raises(LicensePerpetual):
        renew(make_license(community), days=30)


def test_a_license_of_the_older_tool_is_not_renewed(make_license, renew):
    """D1."""
    row = make_license()
    License.objects.filter(pk=row.pk).update(origin="legacy")
    with pytest.raises(LegacyLicense):
        renew(row, days=30)


def test_renewing_without_a_key_changes_nothing(make_license, renew):
    """A26: extending and signing are one transaction."""
    row = make_license()
    with pytest.raises(Exception, match="No active RS256 key"):
        renew(row, days=30)
    assert License.objects.get().expires_at == row.expires_at
