"""The short way to a place: who asks by the text of a license waits for the database twice on PostgreSQL.

First license and place are read, the license under its lock, then place, count and event are written with the
commit. Nobody counts the places: their number stands in `PlaceCount`. What is out of the ordinary (an ended
lease to clear away, a place that is checked out, a binding to make, a count that nobody has made yet) goes the
long way of `licenses.services.activations`, which says the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery

from config.kit.ids import license_id
from config.kit.statements import Rows, SelectRows, Statement
from licenses.domain.enums import KeyState, LicenseStatus
from licenses.models import Activation, License, PlaceCount


@dataclass(frozen=True, slots=True)
class Place:
    """How many places are held (None: not counted yet), and the one of who asks; `next_pk` is for a new one."""

    used: int | None
    pk: int | None
    label: str
    created_at: datetime | None
    binds: bool
    offline: bool
    lapsing: bool
    next_pk: int | None


@dataclass(frozen=True, slots=True)
class Holder:
    """The live row behind a text, as far as it says who may hold a place; and the place of who asks."""

    pk: int
    uid: UUID
    customer_id: str
    status: LicenseStatus
    expires_at: datetime | None
    grace_days: int
    machines: int
    collectors: int
    fingerprint_sha256: str
    key_state: KeyState
    place: Place

    @property
    def public_id(self) -> str:
        return license_id(self.uid)


def can_look() -> bool:
    """Does this database take the short way?"""
    return connections[DEFAULT_DB_ALIAS].vendor == "postgresql"


def look(digest: str, kind: str, identifier: str, at: datetime) -> Holder | None:
    """Lock the license that was issued with a text and read the place; None for an unknown text.

    Two statements: PostgreSQL shows one that waited for a lock the other tables as they were before the wait.
    Within `pipelined` both are sent together.
    """
    holder = _HOLDER.start(digest)
    place = _PLACE.start(kind, at, kind, kind, identifier, digest)
    found = holder()
    if not found:
        return None
    (pk, uid, customer_id, status, expires_at, grace_days, machines, collectors, fingerprint, key_state) = (
        found[0]
    )
    ((used, held_pk, label, created_at, binds, offline, lapsing, next_pk),) = place()
    return Holder(
        pk, uid, customer_id, LicenseStatus(status), expires_at, grace_days, machines, collectors, fingerprint,
        KeyState(key_state),
        Place(used, held_pk, label or "", created_at, bool(binds), bool(offline), lapsing, next_pk),
    )  # fmt: skip


def keep(taken: Activation) -> Callable[[], Rows]:
    """Write what a held place says anew."""
    return _KEEP.start(taken.label, taken.last_seen_at, taken.lease_until, taken.offline, taken.pk)


def add(taken: Activation) -> Callable[[], Rows]:
    """Write a new place under the key that `look` gave, and count it."""
    return _ADD.start(
        taken.license_id, taken.kind, taken.pk, taken.license_id, taken.kind, taken.identifier, taken.label,
        taken.created_at, taken.last_seen_at, taken.lease_until,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Held:
    """How many places are held under a license, and whether one certain name holds one."""

    used: int
    mine: bool


def held(license_pk: int, kind: str, identifier: str, at: datetime) -> Held:
    """The places whose lease has not ended; as quick with very many of them."""
    ((used, lapsed, mine),) = _HELD.rows(license_pk=license_pk, kind=kind, identifier=identifier, at=at)
    if used is None:
        used = Activation.objects.filter(license_id=license_pk, kind=kind, released_at=None).count()
    return Held(used - (lapsed or 0), bool(mine))


def _held(license_pk: int, kind: str, identifier: str, at: datetime) -> QuerySet[License, Any]:
    rows = Activation.objects.filter(license=OuterRef("pk"), kind=kind, released_at=None).order_by()
    lapsed = rows.filter(lease_until__lte=at)
    mine = rows.filter(Q(lease_until=None) | Q(lease_until__gt=at), identifier=identifier)
    counted = PlaceCount.objects.filter(license=OuterRef("pk"), kind=kind)
    return (
        License.objects.filter(pk=license_pk)
        .order_by()
        .values_list(
            Subquery(counted.values("used")[:1]),
            Subquery(lapsed.values("license").annotate(n=Count("pk")).values("n")),
            Exists(mine),
        )
    )


_HELD = SelectRows(
    _held, license_pk=-1, kind="a kind", identifier="an identifier", at=datetime(1971, 2, 3, 4, 5, 6, 7, UTC)
)

# Table names stand here as the models have them; `tests/licenses/api/test_activations.py` asks both ways.
_HOLDER = Statement("""
SELECT l.id, l.uid, a.customer_id, l.status, l.expires_at, l.grace_days, l.machines, l.collectors,
       l.fingerprint_sha256, k.state
FROM licenses_issuance i
JOIN licenses_license l ON l.id = i.license_id
JOIN accounts_account a ON a.id = l.account_id
JOIN licenses_signingkey k ON k.id = i.signing_key_id
WHERE i.text_sha256 = %s
FOR NO KEY UPDATE OF l
""")
_PLACE = Statement("""
SELECT c.used, h.id, h.label, h.created_at, h.binds, h.offline,
       EXISTS (SELECT 1 FROM licenses_activation e WHERE e.license_id = i.license_id AND e.kind = %s
               AND e.released_at IS NULL AND e.lease_until <= %s),
       CASE WHEN h.id IS NULL THEN nextval('licenses_activation_id_seq') END
FROM licenses_issuance i
LEFT JOIN licenses_placecount c ON c.license_id = i.license_id AND c.kind = %s
LEFT JOIN licenses_activation h
    ON h.license_id = i.license_id AND h.kind = %s AND h.identifier = %s AND h.released_at IS NULL
WHERE i.text_sha256 = %s
""")
_KEEP = Statement("""
UPDATE licenses_activation SET label = %s, last_seen_at = %s, lease_until = %s, offline = %s WHERE id = %s
""")
_ADD = Statement("""
WITH counted AS (UPDATE licenses_placecount SET used = used + 1 WHERE license_id = %s AND kind = %s)
INSERT INTO licenses_activation (id, license_id, kind, identifier, label, created_at, last_seen_at, lease_until,
                                 binds, offline, released_by)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, false, false, '')
""")
