"""What a heartbeat reads, and the one statement that most heartbeats are.

An installation that says what it said before costs a single statement on PostgreSQL: find the license by
the hash of its text, mark the installation as seen, count the day. Its commit does not wait for the disk:
a server that crashes may forget what it counted in its last second, and the next beats say the same again.
Whatever is new (first sight, other version, node count or cap, a spell whose time has come) matches no row
there and goes the long way, under locks and with its events, and is on the disk when it is answered.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Exists, OuterRef

from config.kit.ids import license_id
from config.kit.statements import Rows, Statement
from licenses.domain.enums import KeyState, LicenseStatus, NodeCapState
from licenses.domain.heartbeats import Beat
from licenses.models import Installation, Issuance, NodeCapEpisode

MOST_COUNTED = 200
"""Installations of one license are counted no further: the waiting time is long by then."""


@dataclass(frozen=True, slots=True)
class LicenseFacts:
    """The live row behind a text: what a beat is judged and answered with."""

    license_pk: int
    uid: UUID
    customer_id: str
    status: LicenseStatus
    starts_at: datetime
    expires_at: datetime | None
    warn_days: int
    grace_days: int
    nodes: int
    key_state: KeyState
    current: bool

    @property
    def public_id(self) -> str:
        return license_id(self.uid)


@dataclass(frozen=True, slots=True)
class Touch:
    """What the short statement found; `done` says that it also counted the beat."""

    facts: LicenseFacts
    done: bool
    state: NodeCapState
    installations: int


COLUMNS = (
    "license_id", "license__uid", "license__account__customer_id", "license__status", "license__starts_at",
    "license__expires_at", "license__warn_days", "license__grace_days", "license__nodes",
    "signing_key__state", "superseded",
)  # fmt: skip


def license_facts(digest: str) -> LicenseFacts | None:
    """The license that was issued with the text of this SHA-256."""
    newer = Issuance.objects.filter(license_id=OuterRef("license_id"), pk__gt=OuterRef("pk"))
    rows = Issuance.objects.filter(text_sha256=digest).annotate(superseded=Exists(newer))
    row = rows.values_list(*COLUMNS).first()
    return _facts(row) if row else None


def _facts(row: tuple[Any, ...]) -> LicenseFacts:
    pk, uid, customer_id, status, *terms, key_state, superseded = row
    starts_at, expires_at, warn_days, grace_days, nodes = terms
    return LicenseFacts(
        pk, uid, customer_id, LicenseStatus(status), starts_at, expires_at, warn_days, grace_days, nodes,
        KeyState(key_state), not superseded,
    )  # fmt: skip


def open_state(installation_pk: int | None) -> NodeCapState:
    """How far the present spell over the cap has come."""
    found = NodeCapEpisode.objects.filter(installation=installation_pk, ended_at=None).values_list(
        "state", flat=True
    )
    state = found.first() if installation_pk else None
    return NodeCapState(state) if state else NodeCapState.WITHIN


def installations_counted(license_pk: int) -> int:
    """How many installations share a license, as far as that matters."""
    rows = Installation.objects.filter(license_id=license_pk, set_aside_at=None)
    return rows[:MOST_COUNTED].count()


def can_touch() -> bool:
    """Does this database take the short statement?"""
    return connections[DEFAULT_DB_ALIAS].vendor == "postgresql"


def touch(digest: str, beat: Beat, at: datetime) -> Touch | None:
    """Find the license and count an unchanged installation's beat, in one statement; None for an unknown text."""
    found = _TOUCH.read({
        "digest": digest, "at": at, "day": at.date(), "install_id": beat.install_id, "version": beat.version,
        "os": beat.operating_system, "nodes": beat.nodes, "cap": beat.operator_node_cap, "seats": beat.seats_used,
        "signals": bool(beat.signals), "most": MOST_COUNTED,
    })  # fmt: skip
    return _touched(found[0]) if found else None


def look(digest: str, install_id: str) -> Touch | None:
    """What `touch` would find, without counting a beat; None for an unknown text."""
    if can_touch():
        found = _LOOK.read({"digest": digest, "install_id": install_id, "most": MOST_COUNTED})
        return _touched(found[0]) if found else None
    facts = license_facts(digest)
    if facts is None:
        return None
    rows = Installation.objects.filter(license_id=facts.license_pk, install_id=install_id)
    state = open_state(rows.values_list("pk", flat=True).first())
    return Touch(facts, False, state, installations_counted(facts.license_pk))


def _touched(row: tuple[Any, ...]) -> Touch:
    *facts, done, state, installations = row
    return Touch(
        _facts(tuple(facts)), bool(done), NodeCapState(state) if state else NodeCapState.WITHIN, installations
    )


@dataclass(frozen=True, slots=True)
class Said:
    """What one installation said `count` times on one day, first at `since` and last at `at`."""

    license_pk: int
    beat: Beat
    since: datetime
    at: datetime
    count: int = 1


def touch_many(said: list[Said]) -> set[int]:
    """Count the beats of unchanged installations, all in one statement; return the places that were counted.

    Each installation may stand in the list once.
    """
    columns: list[list[Any]] = [
        [item.license_pk for item in said],
        [item.beat.install_id for item in said],
        [item.beat.version for item in said],
        [item.beat.operating_system for item in said],
        [item.beat.nodes for item in said],
        [item.beat.operator_node_cap for item in said],
        [item.beat.seats_used for item in said],
        [bool(item.beat.signals) for item in said],
        [item.at for item in said],
        [item.count for item in said],
    ]
    return {place - 1 for (place,) in _TOUCH_MANY.rows(*columns)}


class _Named:
    """A statement whose values have names, prepared once a connection."""

    def __init__(self, sql: str) -> None:
        self._names = re.findall(r"%\((\w+)\)s", sql)
        self._statement = Statement(re.sub(r"%\(\w+\)s", "%s", sql))

    def read(self, values: Mapping[str, Any]) -> Rows:
        return self._statement.read(*(values[name] for name in self._names))


# Table names stand here as the models have them; `tests/licenses/api/test_heartbeats.py` runs the
# statements and their long way against each other.
_LICENSE = """
SELECT l.id, l.uid, a.customer_id, l.status, l.starts_at, l.expires_at, l.warn_days, l.grace_days, l.nodes,
       k.state AS key_state,
       EXISTS (SELECT 1 FROM licenses_issuance n WHERE n.license_id = i.license_id AND n.id > i.id) AS superseded
FROM licenses_issuance i
JOIN licenses_license l ON l.id = i.license_id
JOIN accounts_account a ON a.id = l.account_id
JOIN licenses_signingkey k ON k.id = i.signing_key_id
WHERE i.text_sha256 = %(digest)s
"""
_FOUND = """
SELECT lic.id, lic.uid, lic.customer_id, lic.status, lic.starts_at, lic.expires_at, lic.warn_days,
       lic.grace_days, lic.nodes, lic.key_state, lic.superseded,
"""
_STATE_AND_COUNT = """
       (SELECT state FROM spell),
       (SELECT count(*) FROM (
           SELECT 1 FROM licenses_installation n
           WHERE n.license_id = lic.id AND n.set_aside_at IS NULL LIMIT %(most)s
       ) AS counted_installations)
FROM lic
"""
_SPELL = """
SELECT n.id AS installation_id, e.state, e.cap, e.due_at
FROM lic
JOIN licenses_installation n ON n.license_id = lic.id AND n.install_id = %(install_id)s
JOIN licenses_nodecapepisode e ON e.installation_id = n.id AND e.ended_at IS NULL
"""

_LOOK = _Named(f"WITH lic AS ({_LICENSE}), spell AS ({_SPELL}) {_FOUND} false, {_STATE_AND_COUNT}")

_TOUCH = _Named(f"""
WITH lic AS ({_LICENSE}), spell AS ({_SPELL}), seen AS (
    UPDATE licenses_installation n
    SET last_seen_at = GREATEST(n.last_seen_at, %(at)s), seen_on = GREATEST(n.seen_on, %(day)s::date),
        beats = n.beats + 1, seats_used = COALESCE(%(seats)s::int, n.seats_used)
    FROM (SELECT *, LEAST(NULLIF(nodes, 0), NULLIF(%(cap)s::int, 0)) AS effective FROM lic) lic
    LEFT JOIN spell ON true
    WHERE n.license_id = lic.id AND n.install_id = %(install_id)s AND NOT %(signals)s::boolean
      AND lic.key_state <> 'revoked' AND n.set_aside_at IS NULL
      AND n.version = %(version)s AND n.operating_system = %(os)s AND n.nodes = %(nodes)s
      AND n.operator_node_cap IS NOT DISTINCT FROM %(cap)s::int
      AND CASE WHEN lic.effective IS NULL OR n.nodes <= lic.effective THEN spell.state IS NULL
               ELSE spell.cap = lic.effective AND (spell.due_at IS NULL OR spell.due_at > %(at)s) END
    RETURNING n.id
), counted AS (
    INSERT INTO licenses_installationday (installation_id, day, beats, nodes_max, seats_max, version)
    SELECT id, %(day)s::date, 1, %(nodes)s::int, %(seats)s::int, %(version)s::text FROM seen
    ON CONFLICT (installation_id, day) DO UPDATE
    SET beats = licenses_installationday.beats + 1,
        nodes_max = GREATEST(licenses_installationday.nodes_max, EXCLUDED.nodes_max),
        seats_max = GREATEST(licenses_installationday.seats_max, EXCLUDED.seats_max),
        version = EXCLUDED.version
)
{_FOUND} (SELECT id FROM seen) IS NOT NULL AND set_config('synchronous_commit', 'off', true) = 'off',
{_STATE_AND_COUNT}
""")  # noqa: S608 - our own names

_TOUCH_MANY = Statement("""
WITH said AS (
    SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::int[], %s::int[], %s::int[],
                         %s::boolean[], %s::timestamptz[], %s::int[])
        WITH ORDINALITY AS s(license_id, install_id, version, os, nodes, cap, seats, signals, at, count, place)
), known AS (
    SELECT s.*, n.id, e.state, e.cap AS spell_cap, e.due_at,
           LEAST(NULLIF(l.nodes, 0), NULLIF(s.cap, 0)) AS effective
    FROM said s
    JOIN licenses_license l ON l.id = s.license_id
    JOIN licenses_installation n ON n.license_id = s.license_id AND n.install_id = s.install_id
    LEFT JOIN licenses_nodecapepisode e ON e.installation_id = n.id AND e.ended_at IS NULL
), seen AS (
    UPDATE licenses_installation n
    SET last_seen_at = GREATEST(n.last_seen_at, s.at),
        seen_on = GREATEST(n.seen_on, (s.at AT TIME ZONE 'UTC')::date), beats = n.beats + s.count,
        seats_used = COALESCE(s.seats, n.seats_used)
    FROM known s
    WHERE n.id = s.id AND NOT s.signals AND n.set_aside_at IS NULL
      AND n.version = s.version AND n.operating_system = s.os AND n.nodes = s.nodes
      AND n.operator_node_cap IS NOT DISTINCT FROM s.cap
      AND CASE WHEN s.effective IS NULL OR s.nodes <= s.effective THEN s.state IS NULL
               ELSE s.spell_cap = s.effective AND (s.due_at IS NULL OR s.due_at > s.at) END
    RETURNING n.id, s.place, s.at, s.nodes, s.seats, s.version, s.count
), counted AS (
    INSERT INTO licenses_installationday (installation_id, day, beats, nodes_max, seats_max, version)
    SELECT id, (at AT TIME ZONE 'UTC')::date, count, nodes, seats, version FROM seen
    ON CONFLICT (installation_id, day) DO UPDATE
    SET beats = licenses_installationday.beats + EXCLUDED.beats,
        nodes_max = GREATEST(licenses_installationday.nodes_max, EXCLUDED.nodes_max),
        seats_max = GREATEST(licenses_installationday.seats_max, EXCLUDED.seats_max),
        version = EXCLUDED.version
)
SELECT place FROM seen
""")
