"""What a made-up row looks like: names of customers, terms of licenses, in shares as an office has them."""

from __future__ import annotations

import random
import secrets
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.text import slugify

from accounts.models import Account
from config.kit import actors
from licenses.domain.enums import Kind, LicenseStatus
from licenses.models import License, Plan
from licenses.postures import place_posture

YEARS = timedelta(days=4 * 365)
SOON = timedelta(days=30)
SOON_OF_A_MILLION = 5_000
FIRST = (
    "Northwind", "Blue Harbor", "Granite", "Lumen", "Cedar", "Quantum", "Redwood", "Silverline", "Apex", "Meridian",
    "Nimbus", "Orchard", "Pinnacle", "Summit", "Tidewater", "Vertex", "Willow", "Zenith", "Falcon", "Ironbridge",
    "Juniper", "Kestrel", "Lakeshore", "Monarch", "Nova", "Osprey", "Polaris", "Quarry", "Riverstone", "Solstice",
)  # fmt: skip
SECOND = (
    "Robotics", "Logistics", "Health", "Energy", "Foods", "Systems", "Analytics", "Insurance", "Aerospace",
    "Textiles", "Media", "Mining", "Payments", "Shipping", "Software", "Telecom", "Motors", "Chemicals", "Optics",
    "Research",
)  # fmt: skip
THIRD = ("GmbH", "Inc.", "Ltd", "AG", "S.A.", "B.V.", "LLC", "Oy", "s.r.o.", "Pty Ltd", "Group", "Holding")
# Names that tables, files and mails have to bear: each once in a thousand accounts.
ODD = (
    "O'Reilly & Sons",
    "Žluťoučký kůň s.r.o.",
    "株式会社サンプル",
    "شركة المثال المحدودة",
    "=SUM(A1:A9) Consulting",
    "<b>Bold</b> & Partners",
    "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch Heritage Railway Preservation Society Limited",
    "Naïve “Quotes”, Commas; and Tabs",
    "-1 Degrees",
    "🚀 Launchpad",
)


def account_rows(count: int, *, start: int, at: datetime, dice: random.Random) -> Iterator[Account]:
    """Accounts whose slugs end in their number, counted from `start`."""
    for number in range(start, start + count):
        name = f"{dice.choice(FIRST)} {dice.choice(SECOND)} {dice.choice(THIRD)}"
        if dice.random() < len(ODD) / 1000:
            name = dice.choice(ODD)
        stem = slugify(name)[:40].strip("-") or "customer"
        yield Account(
            slug=f"{stem}-{number}",
            name=name,
            kind=Account.Kind.CUSTOMER if dice.random() < 0.7 else Account.Kind.PROSPECT,  # noqa: PLR2004 - a share
            email=f"licenses@{stem}-{number}.example",
            domain=f"{stem}-{number}.example",
            created_at=at - YEARS * dice.random(),
        )


@dataclass(frozen=True, slots=True)
class Office:
    """What licenses are drawn from; accounts and creators by their keys, which a million rows cost least."""

    accounts: Sequence[int]
    plans: Sequence[Plan]
    creators: Sequence[int]
    at: datetime
    dice: random.Random


def license_rows(count: int, office: Office) -> Iterator[License]:
    """Licenses in the order of their making, over the last years; every so many ends soon, no other does."""
    soon = max(1, round(1_000_000 / SOON_OF_A_MILLION))
    for number in range(count):
        created = office.at - YEARS * (1 - (number + 1) / (count + 1))
        yield _license(office, created, ends_soon=number % soon == soon // 2)


def _license(office: Office, created: datetime, *, ends_soon: bool) -> License:
    dice, plan = office.dice, _plan(office)
    creator = dice.choice(office.creators) if office.creators and dice.random() < 0.6 else None  # noqa: PLR2004 - a share
    created = created.replace(microsecond=0)
    row = License(
        uid=_uid(created),
        account_id=_account(office),
        product_id=plan.product_id,
        plan_id=plan.pk,
        plan_code=plan.slug,
        kind=Kind.COMMERCIAL if ends_soon else _kind(plan, dice),
        internal=not ends_soon and dice.random() < 0.02,  # noqa: PLR2004 - a share
        edition=plan.edition,
        quantity=dice.choice((1, 1, 1, 1, 1, 1, 2, 3, 5, 10, 25, 100)),
        seats=plan.seats and plan.seats * dice.randint(1, 5),
        nodes=plan.nodes and plan.nodes * dice.randint(1, 3),
        machines=plan.machines,
        collectors=plan.collectors,
        entitlements=dict(plan.entitlements),
        starts_at=created,
        expires_at=_end(office, created, ends_soon=ends_soon),
        warn_days=plan.warn_days,
        grace_days=plan.grace_days,
        comment=f"PO {dice.randint(10_000, 99_999)}" if dice.random() < 0.2 else "",  # noqa: PLR2004 - a share
        origin=License.Origin.DEMO,
        created_by=f"user:{creator}" if creator else actors.api_key("demo"),
        creator_id=creator,
        created_at=created,
        status_at=created,
    )
    if not ends_soon:
        _settle(row, office)
    place_posture(row, office.at)
    return row


def _account(office: Office) -> int:
    """A few accounts have very many licenses, most have a few."""
    return office.accounts[int(len(office.accounts) * office.dice.random() ** 2)]


def _plan(office: Office) -> Plan:
    return office.plans[int(len(office.plans) * office.dice.random() ** 1.5)]


def _kind(plan: Plan, dice: random.Random) -> Kind:
    return Kind.TEST if dice.random() < 0.12 else Kind(plan.kind)  # noqa: PLR2004 - a share


def _end(office: Office, created: datetime, *, ends_soon: bool) -> datetime | None:
    dice, at = office.dice, office.at
    if ends_soon:
        return (at + timedelta(hours=1) + (SOON - timedelta(hours=2)) * dice.random()).replace(microsecond=0)
    share, past = dice.random(), at - timedelta(seconds=1)
    if share < 0.08:  # noqa: PLR2004 - perpetual
        return None
    if share < 0.10:  # noqa: PLR2004 - ended in the last month
        return max(past - SOON * dice.random(), created + timedelta(seconds=1)).replace(microsecond=0)
    if share < 0.45:  # noqa: PLR2004 - ended at some time
        return (created + timedelta(seconds=1) + (past - created) * dice.random()).replace(microsecond=0)
    return (at + SOON + timedelta(days=1) + timedelta(days=700) * dice.random()).replace(microsecond=0)


def _settle(row: License, office: Office) -> None:
    """A few were suspended or revoked some time after they were made."""
    share = office.dice.random()
    if share < 0.12:  # noqa: PLR2004 - revoked 9 of 100, suspended 3
        revoked = share < 0.09  # noqa: PLR2004 - as above
        row.status = LicenseStatus.REVOKED if revoked else LicenseStatus.SUSPENDED
        row.status_reason = "contract ended" if revoked else "unpaid"
        row.status_at = row.created_at + (office.at - row.created_at) * office.dice.random()


def _uid(created: datetime) -> uuid.UUID:
    """A UUID of version 7 as it would have been made then. Not drawn: a second run must not meet the first."""
    value = int(created.timestamp() * 1000) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    return uuid.UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


def installation_values(pk: int, created: datetime, at: datetime, dice: random.Random) -> dict[str, Any]:
    """Fields of the one installation of a license."""
    first = created + (at - created) * dice.random() * 0.1
    version = dice.choice(("1.4.2", "1.5.0", "1.5.1", "2.0.0"))
    system = dice.choice(("linux", "linux", "windows", "darwin"))
    nodes, beats = dice.randint(1, 12), dice.randint(1, 5000)
    last = first + (at - first) * dice.random()
    return {
        "license_id": pk,
        "install_id": f"demo-{pk}",
        "version": version,
        "operating_system": system,
        "nodes": nodes,
        "beats": beats,
        "first_seen_at": first,
        "last_seen_at": last,
        "seen_on": last.date(),
    }
