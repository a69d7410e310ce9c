from __future__ import annotations

from datetime import timedelta

import pytest

from config.kit.errors import Invalid
from history.models import Event
from licenses.errors import LicenseExpired, LicenseRevoked
from licenses.models import License, LicenseNote
from licenses.services.amending import amendments, license_amend
from licenses.services.lifecycle import license_revoke
from licenses.services.renewing import license_renew, license_renewal_end

BY = {"channel": "admin", "actor": "user:1"}


def said(row, at, **changes):
    return [pair.says for pair in amendments(license=row, changes=changes, at=at)]


def test_changed_terms_are_signed_and_their_reason_is_a_note(granted, superadmin, at):
    """E24, D7"""
    issued = license_amend(
        license=granted.license, changes={"seats": 50}, reason="upsell", author=superadmin, at=at, **BY
    )
    assert issued.issuance.claims["seats"] == 50
    assert LicenseNote.objects.get().text == "Terms: upsell"
    kinds = list(Event.objects.filter(actor="user:1").order_by("pk").values_list("kind", flat=True))
    assert kinds == ["license.reissued", "license.noted"]


@pytest.mark.parametrize(("changes", "reason"), [({"seats": -1}, "upsell"), ({"seats": 50}, " ")])
def test_a_refused_change_writes_nothing(granted, superadmin, at, changes, reason):
    """E24: neither terms nor key nor note."""
    events = Event.objects.count()
    with pytest.raises(Invalid):
        license_amend(license=granted.license, changes=changes, reason=reason, author=superadmin, at=at, **BY)
    assert (License.objects.get().seats, granted.license.issuances.count()) == (25, 1)
    assert (LicenseNote.objects.count(), Event.objects.count()) == (0, events)


def test_what_would_change_is_told_and_nothing_is_written(granted, at):
    assert said(granted.license, at, seats=50, online_url="https://a.example", prefer_online=True) == [
        "Seats: 25 → 50, 25 more.",
        "Online validation: not preferred → preferred at https://a.example.",
    ]
    assert granted.license.seats == 25
    assert said(granted.license, at, seats=25) == []


def test_what_would_be_refused_is_refused_before(granted, at):
    """A27, E24: by the rules of the service itself."""
    with pytest.raises(Invalid):
        said(granted.license, at, expires_at=at)
    with pytest.raises(LicenseExpired):
        said(granted.license, at + timedelta(days=400), seats=50)
    revoked = license_revoke(license=granted.license, reason="x", actor="user:1", at=at)
    with pytest.raises(LicenseRevoked):
        said(revoked, at, seats=50)


@pytest.mark.parametrize("period", [{"months": 12}, {"days": 40}])
@pytest.mark.parametrize("late", [0, 100, 500])
def test_the_end_that_is_shown_is_the_end_that_comes(granted, at, period, late):
    """A26: one rule for both."""
    row, then = granted.license, at + timedelta(days=late)
    shown = license_renewal_end(license=row, at=then, **period)
    assert license_renew(license=row, at=then, **period, **BY).renewal.new_expires_at == shown


def test_an_end_that_would_be_refused_is_refused_before(granted, at):
    """A26, A27"""
    with pytest.raises(Invalid):
        license_renewal_end(license=granted.license, until=at, at=at)
    revoked = license_revoke(license=granted.license, reason="x", actor="user:1", at=at)
    with pytest.raises(LicenseRevoked):
        license_renewal_end(license=revoked, months=12, at=at)
