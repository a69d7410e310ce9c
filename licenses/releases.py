"""Releases as the update server reads them: of a product, and for a license. Nothing here writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from licenses.domain.entitlements import has
from licenses.domain.enums import Edition, Kind, LicenseStatus, ReleaseChannel
from licenses.domain.releases import (
    LicenseRight,
    ReleaseDemand,
    license_gets_nothing,
    open_channels,
    open_editions,
    withheld_because,
)
from licenses.errors import UnknownRelease
from licenses.models import License, Product, Release

MOST_RELEASES, MOST_WITHHELD, MOST_WITHDRAWN = 20, 10, 10
LOOKED_AT = 50
"""So many of the newest releases are asked why they are withheld."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What an update server says to one license. `releases` may be had, the newest first."""

    newest: dict[str, Release]
    releases: list[Release]
    withheld: list[tuple[Release, tuple[str, ...]]]
    withdrawn: list[Release]


def releases_of(product: Product) -> QuerySet[Release]:
    """Every release of a product, withdrawn ones and those still to come among them."""
    return Release.objects.filter(product=product).select_related("product")


def release_get(product: Product, version: str) -> Release:
    """Raises UnknownRelease (404)."""
    row = releases_of(product).filter(version=version).first()
    if row is None:
        raise UnknownRelease(f"{product.name} has no release {version[:64]}.")
    return row


def right_of(row: License) -> LicenseRight:
    """What of a license's row decides."""
    return LicenseRight(
        product=row.product_id,
        status=LicenseStatus(row.status),
        kind=Kind(row.kind),
        internal=row.internal,
        edition=Edition(row.edition),
        entitlements=row.entitlements,
        starts_at=row.starts_at,
        expires_at=row.expires_at,
        grace_days=row.grace_days,
        maintenance_expires_at=row.maintenance_expires_at,
    )


def demand_of(row: Release) -> ReleaseDemand:
    """What of a release's row decides."""
    return ReleaseDemand(
        product=row.product_id,
        channel=ReleaseChannel(row.channel),
        published_at=row.published_at,
        withdrawn=row.is_withdrawn,
        entitlement=row.entitlement,
        minimum_edition=Edition(row.minimum_edition) if row.minimum_edition else None,
    )


def release_choice(row: License, at: datetime) -> Choice:
    """What a license may have of its product at an instant, what it may not and why, and what was taken back."""
    right = right_of(row)
    channels = [channel for channel in ReleaseChannel if channel in open_channels(right, at)]
    mine = releases_open(right, at)
    found = {
        channel: list(mine.filter(channel=channel).order_by("-precedence")[:MOST_RELEASES])
        for channel in channels
    }
    newest = {channel.value: rows[0] for channel, rows in found.items() if rows}
    every = sorted((r for rows in found.values() for r in rows), key=lambda r: r.precedence, reverse=True)
    listed = [r for place, r in enumerate(every) if place < MOST_RELEASES or r in newest.values()]
    out = Release.objects.filter(product=row.product_id, published_at__lte=at)
    return Choice(
        newest=newest,
        releases=listed,
        withheld=list(_withheld(out, right, channels, at)),
        withdrawn=list(
            out.filter(withdrawn_at__isnull=False).order_by("-withdrawn_at", "-pk")[:MOST_WITHDRAWN]
        ),
    )


def releases_open(right: LicenseRight, at: datetime) -> QuerySet[Release]:
    """The releases of which `withheld_because` finds nothing, asked of the database."""
    rows = Release.objects.filter(product=right.product, published_at__lte=at, withdrawn_at=None)
    if license_gets_nothing(right, at):
        return rows.none()
    if right.until is not None:
        rows = rows.filter(published_at__lt=right.until)
    asked = Release.objects.filter(product=right.product).exclude(entitlement="").order_by()
    slugs = [
        slug
        for slug in asked.values_list("entitlement", flat=True).distinct()
        if has(right.entitlements, slug, at)
    ]
    return rows.filter(
        channel__in=open_channels(right, at),
        entitlement__in=["", *slugs],
        minimum_edition__in=["", *open_editions(right)],
    )


def _withheld(
    out: QuerySet[Release], right: LicenseRight, channels: list[ReleaseChannel], at: datetime
) -> Iterator[tuple[Release, tuple[str, ...]]]:
    """The newest that are withheld; of a channel that is closed, its newest alone."""
    standing = out.filter(withdrawn_at=None).order_by("-precedence")
    rows = list(standing.filter(channel__in=channels)[:LOOKED_AT])
    for channel in ReleaseChannel:
        if channel not in channels:
            rows += standing.filter(channel=channel)[:1]
    judged = ((row, withheld_because(demand_of(row), right, at)) for row in rows)
    found = [(row, reasons) for row, reasons in judged if reasons]
    found.sort(key=lambda pair: pair[0].precedence, reverse=True)
    yield from found[:MOST_WITHHELD]


# --- the other way round ------------------------------------------------------------------------------


def release_audience(row: Release, at: datetime) -> QuerySet[License] | None:
    """The licenses that may have a release at an instant.

    None where the entitlements of each license decide: no database counts those cheaply.
    """
    if row.entitlement or row.channel != ReleaseChannel.STABLE:
        return None
    if row.is_withdrawn or at < row.published_at:
        return License.objects.none()
    rows: QuerySet[License] = License.objects.filter(
        product=row.product_id, status=LicenseStatus.ACTIVE, starts_at__lte=at
    )
    if row.minimum_edition == Edition.ENTERPRISE:
        rows = rows.filter(edition=Edition.ENTERPRISE)
    return rows.filter(_in_time(rows, row.published_at))


def _in_time(rows: QuerySet[License], published_at: datetime) -> Q:
    """`LicenseRight.until`, asked of the database: the end and its grace, or the end of maintenance, lies behind it.

    Instead of adding days to instants, which each database spells in its own way, the few lengths of grace are asked.
    """
    found = Q(expires_at__gt=published_at)
    found |= Q(expires_at=None) & (
        Q(maintenance_expires_at=None) | Q(maintenance_expires_at__gt=published_at)
    )
    graces = rows.filter(expires_at__lte=published_at, grace_days__gt=0).order_by()
    for days in graces.values_list("grace_days", flat=True).distinct():
        found |= Q(grace_days=days, expires_at__gt=published_at - timedelta(days=days))
    return found
