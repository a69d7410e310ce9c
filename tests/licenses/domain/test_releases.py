"""Which license may have which release: each refusal beside the release that is had."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licenses.domain.enums import Edition, Kind, LicenseStatus, ReleaseChannel
from licenses.domain.releases import REASONS, LicenseRight, ReleaseDemand, withheld_because

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)
RIGHT = LicenseRight(
    product="demo", status=LicenseStatus.ACTIVE, kind=Kind.COMMERCIAL, internal=False,
    edition=Edition.COMMUNITY, entitlements={"sso": True}, starts_at=AT - 300 * DAY,
    expires_at=AT + 65 * DAY, grace_days=14, maintenance_expires_at=None,
)  # fmt: skip
RELEASE = ReleaseDemand(product="demo", channel=ReleaseChannel.STABLE, published_at=AT - DAY)
ENDED = {"expires_at": AT - 20 * DAY}  # and its grace six days ago
PERPETUAL = {"expires_at": None, "maintenance_expires_at": AT - 10 * DAY}


@pytest.mark.parametrize(
    ("right", "release", "reasons"),
    [
        ({}, {}, ()),
        ({}, {"product": "other"}, ("other_product",)),
        ({}, {"withdrawn": True}, ("withdrawn",)),
        ({}, {"published_at": AT}, ()),
        ({}, {"published_at": AT + timedelta(seconds=1)}, ("not_published",)),
        ({"status": LicenseStatus.REVOKED}, {}, ("license_revoked",)),
        ({"status": LicenseStatus.SUSPENDED}, {}, ("license_suspended",)),
        ({"starts_at": AT + DAY}, {}, ("license_not_started",)),
        # in grace, and after it what came out before its end
        ({"expires_at": AT - 2 * DAY}, {}, ()),
        (ENDED, {"published_at": AT - 6 * DAY - timedelta(seconds=1)}, ()),
        (ENDED, {"published_at": AT - 6 * DAY}, ("license_ended",)),
        # E32: of a perpetual license, what came out before its maintenance ended
        (PERPETUAL, {"published_at": AT - 10 * DAY - timedelta(seconds=1)}, ()),
        (PERPETUAL, {"published_at": AT - 10 * DAY}, ("maintenance_ended",)),
        ({"expires_at": None}, {}, ()),
        # only a perpetual license has maintenance
        ({"maintenance_expires_at": AT - 10 * DAY}, {}, ()),
        ({}, {"channel": ReleaseChannel.BETA}, ("channel_not_open",)),
        ({"entitlements": {"channel.beta": True}}, {"channel": ReleaseChannel.BETA}, ()),
        ({"entitlements": {"channel.nightly": True}}, {"channel": ReleaseChannel.BETA}, ("channel_not_open",)),
        ({"kind": Kind.TEST}, {"channel": ReleaseChannel.NIGHTLY}, ()),
        ({"internal": True}, {"channel": ReleaseChannel.NIGHTLY}, ()),
        ({}, {"minimum_edition": Edition.COMMUNITY}, ()),
        ({}, {"minimum_edition": Edition.ENTERPRISE}, ("edition_too_low",)),
        ({"edition": Edition.ENTERPRISE}, {"minimum_edition": Edition.ENTERPRISE}, ()),
        ({}, {"entitlement": "sso"}, ()),
        ({}, {"entitlement": "audit"}, ("entitlement_missing",)),
        ({"entitlements": {"sso": False}}, {"entitlement": "sso"}, ("entitlement_missing",)),
        ({"entitlements": {"sso": {"value": True, "exp": int(AT.timestamp())}}}, {"entitlement": "sso"},
         ("entitlement_missing",)),
        # every reason, not the first alone
        ({**PERPETUAL, "status": LicenseStatus.SUSPENDED}, {"channel": ReleaseChannel.BETA, "withdrawn": True},
         ("withdrawn", "license_suspended", "maintenance_ended", "channel_not_open")),
    ],
)  # fmt: skip
def test_who_may_have_a_release(right, release, reasons):
    """E32, C7."""
    assert withheld_because(replace(RELEASE, **release), replace(RIGHT, **right), AT) == reasons


days = st.integers(-400, 400).map(lambda number: AT + number * DAY)


@given(
    start=days, end=st.none() | days, maintenance=st.none() | days, published=days, then=days,
    later=st.integers(0, 3000), status=st.sampled_from(LicenseStatus), channel=st.sampled_from(ReleaseChannel),
    edition=st.sampled_from([None, *Edition]),
)  # fmt: skip
def test_time_alone_takes_no_release_away(
    start, end, maintenance, published, then, later, status, channel, edition
):
    """E32: what a license once might install, it may install again as long as nobody acts."""
    right = replace(RIGHT, starts_at=start, expires_at=end, maintenance_expires_at=maintenance, status=status)
    release = replace(RELEASE, published_at=published, channel=channel, minimum_edition=edition)
    before = withheld_because(release, right, then)
    after = withheld_because(release, right, then + later * DAY)
    assert set(after) <= set(before)
    assert set(before) <= set(REASONS)
