"""Which license may have which release of its product: a pure function of both and the time (E32).

What was rightly had stays: by time alone, a license that is in force loses no release that was open to it.

* A term license may have what was published before its grace ended, and goes on having it afterwards.
* A perpetual license may have what was published before its maintenance ended; without such an end, everything.
* Suspended, revoked and not yet started licenses get nothing.
* ``stable`` is open to all. Another channel needs the entitlement ``channel.<name>``; test keys and internal
  licenses, which are there to try things, get every channel.
* A release may ask for an entitlement, which nothing else implies (C7), and for an edition.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from licenses.domain.entitlements import Entitlement, has
from licenses.domain.enums import Edition, Kind, LicenseStatus, ReleaseChannel
from licenses.domain.instants import later

REASONS: Final = {
    "other_product": "The release is of another product.",
    "withdrawn": "The vendor has withdrawn the release.",
    "not_published": "The release is not published yet.",
    "license_revoked": "The license has been revoked.",
    "license_suspended": "The license is suspended.",
    "license_not_started": "The license has not started yet.",
    "license_ended": "The release came out after the license and its grace had ended.",
    "maintenance_ended": "The release came out after the maintenance of the license had ended.",
    "channel_not_open": "The license has no entitlement to this channel.",
    "edition_too_low": "The release is for a higher edition.",
    "entitlement_missing": "The license lacks the entitlement that the release asks for.",
}
"""Why a license does not get a release, in the order in which it is told."""

_RANK: Final = {Edition.COMMUNITY: 0, Edition.ENTERPRISE: 1}


@dataclass(frozen=True, slots=True)
class LicenseRight:
    """What of a license decides. `product` is any name of a product that a release has, too."""

    product: Any
    status: LicenseStatus
    kind: Kind
    internal: bool
    edition: Edition
    entitlements: Mapping[str, Entitlement]
    starts_at: datetime
    expires_at: datetime | None
    grace_days: int
    maintenance_expires_at: datetime | None

    @property
    def until(self) -> datetime | None:
        """What is published from this instant on is not for the license; None when there is no such instant."""
        if self.expires_at is None:
            return self.maintenance_expires_at
        return later(self.expires_at, timedelta(days=self.grace_days))


@dataclass(frozen=True, slots=True)
class ReleaseDemand:
    """What of a release decides. `entitlement` and `minimum_edition` are empty or None when it asks for none."""

    product: Any
    channel: ReleaseChannel
    published_at: datetime
    withdrawn: bool = False
    entitlement: str = ""
    minimum_edition: Edition | None = None


def withheld_because(release: ReleaseDemand, right: LicenseRight, at: datetime) -> tuple[str, ...]:
    """Every code of REASONS why the license may not have the release at an instant; empty when it may."""
    found = {*_of_release(release, right, at), *_of_license(right, at)}
    if right.until is not None and release.published_at >= right.until:
        found.add("maintenance_ended" if right.expires_at is None else "license_ended")
    if release.channel not in open_channels(right, at):
        found.add("channel_not_open")
    if release.minimum_edition is not None and release.minimum_edition not in open_editions(right):
        found.add("edition_too_low")
    if release.entitlement and not has(right.entitlements, release.entitlement, at):
        found.add("entitlement_missing")
    return tuple(code for code in REASONS if code in found)


def _of_release(release: ReleaseDemand, right: LicenseRight, at: datetime) -> Iterator[str]:
    if release.product != right.product:
        yield "other_product"
    if release.withdrawn:
        yield "withdrawn"
    if at < release.published_at:
        yield "not_published"


def _of_license(right: LicenseRight, at: datetime) -> Iterator[str]:
    if right.status is LicenseStatus.REVOKED:
        yield "license_revoked"
    if right.status is LicenseStatus.SUSPENDED:
        yield "license_suspended"
    if at < right.starts_at:
        yield "license_not_started"


def license_gets_nothing(right: LicenseRight, at: datetime) -> bool:
    """Whether the license alone decides that nothing is for it."""
    return any(True for _ in _of_license(right, at))


def channel_entitlement(channel: ReleaseChannel) -> str:
    """The slug that opens a channel."""
    return f"channel.{channel.value}"


def open_channels(right: LicenseRight, at: datetime) -> frozenset[ReleaseChannel]:
    """The channels that a license gets releases of."""
    if right.internal or right.kind is Kind.TEST:
        return frozenset(ReleaseChannel)
    return frozenset(
        channel
        for channel in ReleaseChannel
        if channel is ReleaseChannel.STABLE or has(right.entitlements, channel_entitlement(channel), at)
    )


def open_editions(right: LicenseRight) -> frozenset[Edition]:
    """The editions that a release may ask for and be had."""
    return frozenset(edition for edition in Edition if _RANK[edition] <= _RANK[right.edition])
