"""Heartbeats of installations (A13 to A18): who is seen, since when, with what, and what it is told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from django.db import transaction
from django.db.models import F

from config.kit.locks import locked
from history.domain.kinds import Kind
from history.services import NewEvent, record_many
from licenses import beats
from licenses.beats import LicenseFacts
from licenses.domain.enums import KeyState, NodeCapState
from licenses.domain.heartbeats import Beat, Notice, Signal, next_beat_seconds, notices
from licenses.domain.node_caps import effective_cap
from licenses.domain.posture import PostureView, view_of_terms
from licenses.domain.terms import Terms
from licenses.models import Installation, InstallationDay, InstallationSignal, License
from licenses.services.node_caps import node_cap_observe
from licenses.services.signals import LicenseUnverified
from licenses.validation import text_digest, text_verified

SIGNAL_KINDS = {
    "granted": Kind.LICENSE_GRANTED,
    "cleared": Kind.LICENSE_CLEARED,
    "denied": Kind.LICENSE_DENIED,
    "posture_changed": Kind.POSTURE_REPORTED,
}


@dataclass(frozen=True, slots=True)
class BeatAnswer:
    """What an installation is told: posture, its node cap, messages to show, seconds to the next beat."""

    facts: LicenseFacts
    view: PostureView
    cap: int
    nodes: int
    node_cap: NodeCapState
    notices: tuple[Notice, ...]
    wait_seconds: int

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; instants as RFC 3339 in UTC."""
        view = self.view
        return {
            "license_id": self.facts.public_id,
            "status": self.facts.status.value,
            "posture": view.posture.value,
            "expired": view.expired,
            "expires_at": _text(view.expires_at),
            "days_left": view.days_left,
            "changes_at": _text(view.changes_at),
            "node_cap": {"cap": self.cap, "nodes": self.nodes, "state": self.node_cap.value},
            "messages": [{"code": n.code, "level": n.level, "text": n.text} for n in self.notices],
            "next_beat_seconds": self.wait_seconds,
        }


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who presented a text of ours: its hash, and the name that its beats are counted under."""

    digest: str
    name: str


def speaker_of(text: str, *, at: datetime) -> Speaker:
    """Check the signature of what was presented; reads no row. Raises LicenseUnverified (401)."""
    digest = text_digest(text)
    found = text_verified(text, digest, at)
    if not found.ok:
        raise LicenseUnverified(reason=found.reason)
    return Speaker(digest, found.claims.license_id if found.claims else digest)


class HasKeyState(Protocol):
    """Facts of a license with the state of the key that signed its text."""

    @property
    def key_state(self) -> KeyState: ...


Facts = TypeVar("Facts", bound=HasKeyState)


def demand_known(facts: Facts | None) -> Facts:
    """Raises LicenseUnverified for a text that we signed and never recorded, or whose key is revoked."""
    if facts is None:
        raise LicenseUnverified(reason="license_unknown")
    if facts.key_state is KeyState.REVOKED:
        raise LicenseUnverified(reason="key_revoked")
    return facts


def beat_receive(*, speaker: Speaker, beat: Beat, at: datetime) -> BeatAnswer:
    """Keep one heartbeat and answer it. An expired, suspended or revoked license may still speak.

    Raises LicenseUnverified (401); writes nothing then.
    """
    if beats.can_touch():
        touch = beats.touch(speaker.digest, beat, at)
        facts = demand_known(touch.facts if touch else None)
        if touch and touch.done:
            return beat_answer(facts, beat, state=touch.state, installations=touch.installations, at=at)
    else:
        facts = demand_known(beats.license_facts(speaker.digest))
    state = beat_apply(license_pk=facts.license_pk, beat=beat, at=at)
    counted = beats.installations_counted(facts.license_pk)
    return beat_answer(facts, beat, state=state, installations=counted, at=at)


def beat_answer(
    facts: LicenseFacts, beat: Beat, *, state: NodeCapState, installations: int, at: datetime
) -> BeatAnswer:
    """What is said to a beat, from facts alone."""
    terms = Terms(facts.starts_at, facts.expires_at, facts.warn_days, facts.grace_days)
    view = view_of_terms(terms, max(at, facts.starts_at))
    cap = effective_cap(facts.nodes, beat.operator_node_cap)
    said = notices(view, facts.status, state, cap=cap, nodes=beat.nodes, current=facts.current)
    wait = next_beat_seconds(beat.install_id, installations)
    return BeatAnswer(facts, view, cap, beat.nodes, state, tuple(said), wait)


def beat_apply(
    *, license_pk: int, beat: Beat, count: int = 1, since: datetime | None = None, at: datetime
) -> NodeCapState:
    """Keep what a beat says, under locks, with its events; return how the installation stands to its cap.

    `count` beats that say the same are kept at once, the first of them from `since`. An older beat than the
    last counts and changes nothing else.
    """
    since = since or at
    with transaction.atomic():
        license = locked(License.objects.select_related("account").filter(pk=license_pk)).get()  # noqa: A001 - the word of the vocabulary
        actor = f"license:{license.public_id}"
        row, created = Installation.objects.get_or_create(
            license=license, install_id=beat.install_id,
            defaults={**_said(beat), "first_seen_at": since, "last_seen_at": since, "seen_on": since.date()},
        )  # fmt: skip
        row.license = license
        newest = created or at >= row.last_seen_at
        changed = _take(row, beat, at) if newest else []
        _count(row, beat, count, at)
        events = [_event(row, Kind.INSTALLATION_SEEN_FIRST, {}, actor, at)] if created else []
        if changed and not created:
            events.append(_event(row, Kind.INSTALLATION_CHANGED, {"changed": changed}, actor, at))
        events += _signals(row, beat.signals, actor, at)
        record_many(events)
        if not newest:
            return beats.open_state(row.pk)
        if since < at:
            node_cap_observe(installation=row, actor=actor, at=since)
        return node_cap_observe(installation=row, actor=actor, at=at)


def _said(beat: Beat) -> dict[str, Any]:
    return {
        "version": beat.version,
        "operating_system": beat.operating_system,
        "nodes": beat.nodes,
        "operator_node_cap": beat.operator_node_cap,
    }


def _take(row: Installation, beat: Beat, at: datetime) -> list[str]:
    """Write what the newest beat says; return which particulars of the deployment changed (not its counts)."""
    changed = [name for name, value in _said(beat).items() if getattr(row, name) != value]
    for name, value in _said(beat).items():
        setattr(row, name, value)
    back = row.set_aside_at is not None  # it was given up, and speaks again
    row.set_aside_at = None
    if beat.seats_used is not None:
        row.seats_used = beat.seats_used
    row.last_seen_at, row.seen_on = at, at.date()
    row.save(update_fields=[*_said(beat), "seats_used", "last_seen_at", "seen_on", "set_aside_at"])
    told = [name for name in changed if name in {"version", "operating_system"}]
    return [*told, "back"] if back else told


def _count(row: Installation, beat: Beat, count: int, at: datetime) -> None:
    Installation.objects.filter(pk=row.pk).update(beats=F("beats") + count)
    day, _ = InstallationDay.objects.get_or_create(installation=row, day=at.date())
    day.beats += count
    day.nodes_max = max(day.nodes_max, beat.nodes)
    seats = [value for value in (day.seats_max, beat.seats_used) if value is not None]
    day.seats_max, day.version = max(seats, default=None), beat.version
    day.save()


def _signals(row: Installation, said: Iterable[Signal], actor: str, at: datetime) -> list[NewEvent]:
    """Keep each signal once; only one that is new becomes an event (A13)."""
    events = []
    for signal in said:
        _, new = InstallationSignal.objects.get_or_create(
            installation=row, signal_id=signal.id,
            defaults={"type": signal.type, "data": signal.data(), "received_at": at},
        )  # fmt: skip
        if new:
            events.append(_event(row, SIGNAL_KINDS[signal.type], signal.data(), actor, at))
    return events


def _event(row: Installation, kind: Kind, data: dict[str, Any], actor: str, at: datetime) -> NewEvent:
    return NewEvent(
        kind=kind,
        subject=f"license:{row.license.public_id}",
        account=row.license.account.customer_id,
        actor=actor,
        at=at,
        data={"installation": row.pk, **data},
    )


def _text(at: datetime | None) -> str | None:
    return f"{at.isoformat()[:19]}Z" if at else None
