from __future__ import annotations

from datetime import timedelta

import pytest

from config.kit.errors import Invalid
from history.models import Event
from licenses.errors import AlreadyRevoked, LicenseRevoked, LicenseSuspended, NotSuspended
from licenses.models import Issuance, License
from licenses.services.issuing import license_issue, license_reissue
from licenses.services.lifecycle import license_reinstate, license_revoke, license_suspend

BY = {"actor": "cli:test"}


@pytest.fixture
def revoked(granted, at):
    return license_revoke(license=granted.license, reason="refund", **BY, at=at)


@pytest.fixture
def suspended(granted, at):
    return license_suspend(license=granted.license, reason="dispute", **BY, at=at)


def test_revoking_marks_the_license(revoked, at):
    """A27: with reason and time."""
    row = License.objects.get()
    assert (row.status, row.status_reason, row.status_at) == ("revoked", "refund", at)
    assert (row.posture, row.posture_due_at) == ("invalid", None)


def test_a_revoked_license_is_not_issued(revoked, at):
    """A27: issue and re-issue fail with license_revoked and append nothing."""
    with pytest.raises(LicenseRevoked) as refused:
        license_issue(license=revoked, channel="cli", **BY, at=at)
    with pytest.raises(LicenseRevoked):
        license_reissue(license=revoked, reason="", channel="cli", **BY, at=at)
    assert (refused.value.code, Issuance.objects.count()) == ("license_revoked", 1)


def test_a_token_that_is_out_keeps_validating_offline(granted, revoked, verified):
    """A27: until its exp, and grace; revoking acts online at once."""
    assert verified(granted.issued.text).ok


def test_revoking_again_changes_nothing(revoked, at):
    """C25: `already_revoked`; reason and time stay those of the first."""
    events = Event.objects.count()
    with pytest.raises(AlreadyRevoked) as refused:
        license_revoke(license=revoked, reason="again", **BY, at=at + timedelta(days=1))
    row = License.objects.get()
    assert (refused.value.code, row.status_reason, row.status_at) == ("already_revoked", "refund", at)
    assert Event.objects.count() == events


@pytest.mark.parametrize("command", [license_suspend, license_reinstate])
def test_revoking_is_final(revoked, at, command):
    """C25."""
    with pytest.raises(LicenseRevoked):
        command(license=revoked, reason="please", **BY, at=at)


def test_suspending_stops_issuing(suspended, at):
    """C25: active, suspended with a reason."""
    row = License.objects.get()
    assert (row.status, row.status_reason, row.posture) == ("suspended", "dispute", "invalid")
    with pytest.raises(LicenseSuspended):
        license_issue(license=row, channel="cli", **BY, at=at)
    with pytest.raises(LicenseSuspended):
        license_suspend(license=row, reason="again", **BY, at=at)


def test_reinstating_restores(suspended, at):
    """C25: reversible, posture included."""
    license_reinstate(license=suspended, **BY, at=at)
    row = License.objects.get()
    assert (row.status, row.posture) == ("active", "valid")
    assert row.posture_due_at is not None
    assert license_issue(license=row, channel="cli", **BY, at=at).text


def test_what_is_not_suspended_is_not_reinstated(granted, at):
    with pytest.raises(NotSuspended):
        license_reinstate(license=granted.license, **BY, at=at)


def test_a_suspended_license_may_be_revoked(suspended, at):
    """C25."""
    assert license_revoke(license=suspended, reason="lost", **BY, at=at).status == "revoked"


@pytest.mark.parametrize("command", [license_suspend, license_revoke])
@pytest.mark.parametrize("reason", ["", "  \n"])
def test_a_reason_is_needed(granted, at, command, reason):
    with pytest.raises(Invalid):
        command(license=granted.license, reason=reason, **BY, at=at)
    assert License.objects.get().status == "active"


def test_each_change_is_an_event_and_a_change_of_posture(granted, at):
    """A13: one event for the command, one for the posture; the reason itself stays in the row."""
    license_suspend(license=granted.license, reason="Ada called", **BY, at=at)
    license_reinstate(license=granted.license, **BY, at=at)
    license_revoke(license=granted.license, reason="Ada called", **BY, at=at)
    events = Event.objects.filter(kind__in=["license.suspended", "license.reinstated", "license.revoked"])
    assert [(e.data["from"], e.data["to"]) for e in events.order_by("pk")] == [
        ("active", "suspended"), ("suspended", "active"), ("active", "revoked"),
    ]  # fmt: skip
    changes = Event.objects.filter(kind="posture.changed").order_by("pk")
    assert [(e.data["from"], e.data["to"]) for e in changes] == [
        ("valid", "invalid"), ("invalid", "valid"), ("valid", "invalid"),
    ]  # fmt: skip
    assert "Ada" not in str(list(Event.objects.values_list("data", flat=True)))
