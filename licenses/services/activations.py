"""Places under a hard limit: machines (C24) and collectors (D21), exact under parallel requests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet

from config.kit.errors import FieldError, Invalid
from config.kit.locks import locked
from config.kit.statements import pipelined
from history.domain.kinds import Kind
from history.services import record
from licenses import places, selectors
from licenses.beats import license_facts
from licenses.domain.claims import fingerprint_hash
from licenses.domain.enums import Algorithm, LicenseStatus
from licenses.domain.tokens import encode_document
from licenses.errors import (
    BoundToAnother,
    CheckedOut,
    LicenseExpired,
    LicenseRevoked,
    LicenseSuspended,
    NotActivated,
    TooManyCollectors,
    TooManyMachines,
)
from licenses.models import Activation, License, PlaceCount
from licenses.places import Holder
from licenses.postures import license_ended
from licenses.services.heartbeats import demand_known
from licenses.signers import signer_of

TYP = "activation+jwt"
SHORTEST_LEASE = timedelta(minutes=10)
LONGEST_LEASE = timedelta(days=90)
LONGEST_CHECK_OUT = timedelta(days=365)
BATCH = 200
FULL = {Activation.Kind.MACHINE: TooManyMachines, Activation.Kind.COLLECTOR: TooManyCollectors}


@dataclass(frozen=True, slots=True)
class Taken:
    """A place that is held: whether it is new, and the limit (0: unlimited) with its use."""

    activation: Activation
    created: bool
    limit: int
    used: int
    document: str = ""


def identifier_of(kind: str, name: str) -> str:
    """What is kept of a machine is the SHA-256 of its fingerprint (C24); a collector is named by its id (D21)."""
    return fingerprint_hash(name) if kind == Activation.Kind.MACHINE else name


def activation_take(
    *,
    license_pk: int,
    kind: str,
    name: str,
    label: str = "",
    lease: timedelta | None = None,
    offline: timedelta | None = None,
    actor: str,
    at: datetime,
) -> Taken:
    """Take a place, or hold the one that is held already; `name` is a fingerprint or a collector's id.

    With `lease` the place is free again unless it is taken anew in time. With `offline` it is checked out:
    the answer carries a signed document that the machine shows itself until then, and until then it stays
    checked out, however it is taken again. A license for one machine is bound to its first. Raises
    TooManyMachines, TooManyCollectors, BoundToAnother, LicenseRevoked, LicenseSuspended, LicenseExpired (409),
    Invalid.
    """
    _check_periods(lease, offline)
    with transaction.atomic():
        row = _locked(license_pk)
        _refuse_unless_usable(row, at)
        identifier = identifier_of(kind, name)
        _let_lapsed_go(row, kind, at)
        _refuse_foreign(row, kind, identifier)
        limit = row.machines if kind == Activation.Kind.MACHINE else row.collectors
        found = row.activations.filter(kind=kind, released_at=None, identifier=identifier).first()
        used = _used(row, kind)
        if found is None and limit and used >= limit:
            raise FULL[Activation.Kind(kind)](limit=limit, used=used)
        taken = found or Activation(license=row, kind=kind, identifier=identifier, created_at=at)
        taken.label, taken.last_seen_at = label or taken.label, at
        _hold(taken, lease, offline, at)
        if found is None:
            taken.binds = _bind(row, taken)
        taken.save()
        if found is None:
            _count(row.pk, kind, 1)
            _record(Kind.ACTIVATION_ADDED, taken, {"offline": taken.offline}, actor, at)
    document = _document(row, taken, at) if taken.offline else ""
    return Taken(taken, found is None, limit, used + (found is None), document)


def activation_take_by_text(
    *, digest: str, kind: str, name: str, label: str = "", lease: timedelta | None = None, at: datetime
) -> Taken:
    """As `activation_take`, for the license that was issued with the text of this SHA-256, at its own demand.

    Raises LicenseUnverified (401) and what `activation_take` raises.
    """
    _check_periods(lease, None)
    taken = _take_shortly(digest=digest, kind=kind, name=name, label=label, lease=lease, at=at)
    if taken is not None:
        return taken
    facts = demand_known(license_facts(digest))
    return activation_take(
        license_pk=facts.license_pk, kind=kind, name=name, label=label, lease=lease,
        actor=f"license:{facts.public_id}", at=at,
    )  # fmt: skip


def _take_shortly(
    *, digest: str, kind: str, name: str, label: str, lease: timedelta | None, at: datetime
) -> Taken | None:
    """As `activation_take_by_text`, the short way; None when only the long way will do. Writes nothing then."""
    if not places.can_look():
        return None
    identifier = identifier_of(kind, name)
    with pipelined():
        holder = demand_known(places.look(digest, kind, identifier, at))
        _refuse_unless_usable(holder, at)
        place = holder.place
        if place.lapsing or place.used is None or place.offline:
            return None
        _refuse_foreign(holder, kind, identifier)
        limit = holder.machines if kind == Activation.Kind.MACHINE else holder.collectors
        new = place.pk is None
        if new and limit and place.used >= limit:
            raise FULL[Activation.Kind(kind)](limit=limit, used=place.used)
        if new and _would_bind(holder, kind):
            return None
        taken = Activation(
            pk=place.pk or place.next_pk, license_id=holder.pk, kind=kind, identifier=identifier,
            label=label or place.label, created_at=place.created_at or at, last_seen_at=at,
            lease_until=at + lease if lease else None, binds=place.binds, offline=False,
        )  # fmt: skip
        if new:
            places.add(taken)
            _record_of(
                holder, holder.customer_id, Kind.ACTIVATION_ADDED, taken, data={"offline": False},
                actor=f"license:{holder.public_id}", at=at,
            )  # fmt: skip
        else:
            places.keep(taken)
    return Taken(taken, new, limit, place.used + new)


def activation_release(
    *, license_pk: int, kind: str, identifier: str, by_staff: bool = False, actor: str, at: datetime
) -> Activation:
    """Give a place back; a binding that it made goes with it (C24).

    A place that is checked out offline is freed by staff only: the machine would go on showing its document.
    Raises NotActivated (404), CheckedOut (409).
    """
    with transaction.atomic():
        row = _locked(license_pk)
        _let_lapsed_go(row, kind, at)
        found = row.activations.filter(kind=kind, identifier=identifier, released_at=None).first()
        if found is None:
            raise NotActivated
        found.license = row
        if found.offline and not by_staff:
            raise CheckedOut(until=found.lease_until.isoformat() if found.lease_until else None)
        _release(found, actor, at)
    return found


def activations_sweep(*, at: datetime, limit: int = 10_000) -> int:
    """Free the places whose lease has ended; return how many. Safe to run twice, late or in parallel."""
    freed = 0
    while freed < limit:
        due = Activation.objects.filter(released_at=None, lease_until__lte=at).order_by("lease_until")
        found = list(due.values_list("license_id", "kind")[:BATCH])
        if not found:
            break
        for license_pk, kind in dict.fromkeys(found):
            with transaction.atomic():
                freed += _let_lapsed_go(_locked(license_pk), kind, at)
    return freed


def activations_of(license_pk: int, at: datetime) -> QuerySet[Activation]:
    """The places that are held, whose lease has not ended."""
    rows = Activation.objects.filter(license_id=license_pk, released_at=None)
    return rows.filter(Q(lease_until=None) | Q(lease_until__gt=at)).order_by("kind", "pk")


def places_like(license_pk: int, text: str, at: datetime) -> QuerySet[Activation]:
    """The places that are held with this text in their label, or of the machine or collector that it names."""
    wanted = text.strip()
    if not wanted or not wanted.isprintable():
        return Activation.objects.none()
    named = Q(identifier__istartswith=wanted) | Q(identifier=fingerprint_hash(wanted))
    return activations_of(license_pk, at).filter(named | Q(label__icontains=wanted))


def activation_held(license_pk: int, pk: int) -> Activation:
    """A place that is held under a license, by its id. Raises NotActivated (404)."""
    row = Activation.objects.filter(license_id=license_pk, pk=pk, released_at=None).first()
    if row is None:
        raise NotActivated
    return row


def _locked(license_pk: int) -> License:
    return locked(License.objects.select_related("account", "product").filter(pk=license_pk)).get()


def _check_periods(lease: timedelta | None, offline: timedelta | None) -> None:
    if lease is not None and not SHORTEST_LEASE <= lease <= LONGEST_LEASE:
        raise Invalid([FieldError("lease_seconds", "out_of_range", "Ten minutes to 90 days.")])
    if offline is not None and not timedelta(days=1) <= offline <= LONGEST_CHECK_OUT:
        raise Invalid([FieldError("offline_days", "out_of_range", "1 to 365 days.")])


def _refuse_unless_usable(row: License | Holder, at: datetime) -> None:
    if row.status == LicenseStatus.REVOKED:
        raise LicenseRevoked
    if row.status == LicenseStatus.SUSPENDED:
        raise LicenseSuspended
    if license_ended(row, at):
        raise LicenseExpired


def _refuse_foreign(row: License | Holder, kind: str, identifier: str) -> None:
    bound = row.fingerprint_sha256
    if kind == Activation.Kind.MACHINE and bound and bound != identifier:
        raise BoundToAnother


def _would_bind(row: License | Holder, kind: str) -> bool:
    return kind == Activation.Kind.MACHINE and row.machines == 1 and not row.fingerprint_sha256


def _bind(row: License, taken: Activation) -> bool:
    """Bind a license for one machine to its first; what staff bound stays theirs."""
    if not _would_bind(row, taken.kind):
        return False
    License.objects.filter(pk=row.pk).update(fingerprint_sha256=taken.identifier)
    return True


def _let_lapsed_go(row: License, kind: str, at: datetime) -> int:
    lapsed = list(row.activations.filter(kind=kind, released_at=None, lease_until__lte=at))
    for found in lapsed:
        found.license = row
        _release(found, "system:lease", at)
    return len(lapsed)


def _used(row: License, kind: str) -> int:
    """How many places are held. Counted once; from then on the count moves with them, under the lock."""
    found = PlaceCount.objects.filter(license=row, kind=kind).first()
    if found is None:
        held = row.activations.filter(kind=kind, released_at=None).count()
        found = PlaceCount.objects.create(license=row, kind=kind, used=held)
    return found.used


def _hold(taken: Activation, lease: timedelta | None, offline: timedelta | None, at: datetime) -> None:
    """Set until when a place is held; call once what has lapsed is gone.

    A document that is out cannot be called back: while it is good, its place is neither shortened nor made one
    that the customer may release.
    """
    period = offline or lease
    until = at + period if period else None
    if taken.offline and taken.lease_until is not None:
        until = max(until, taken.lease_until) if until else taken.lease_until
    taken.lease_until, taken.offline = until, taken.offline or offline is not None


def _count(license_pk: int, kind: str, more: int) -> None:
    PlaceCount.objects.filter(license=license_pk, kind=kind).update(used=F("used") + more)


def _release(found: Activation, actor: str, at: datetime) -> None:
    found.released_at, found.released_by = at, actor
    found.save(update_fields=["released_at", "released_by"])
    _count(found.license_id, found.kind, -1)
    if found.binds:
        bound = License.objects.filter(pk=found.license_id, fingerprint_sha256=found.identifier)
        bound.update(fingerprint_sha256="")
        found.license.fingerprint_sha256 = ""
    _record(Kind.ACTIVATION_RELEASED, found, {}, actor, at)


def _document(row: License, taken: Activation, at: datetime) -> str:
    """What an offline machine shows itself: a JWS of type `activation+jwt`, good until the lease ends."""
    key = selectors.active_key(row.product, Algorithm(row.product.algorithm))
    assert taken.lease_until is not None  # noqa: S101 - a check-out has its end
    payload: dict[str, Any] = {
        "iss": settings.ISSUER,
        "sub": row.account.customer_id,
        "lic": row.public_id,
        "activation": taken.pk,
        "kind": taken.kind,
        "identifier": taken.identifier,
        "iat": int(at.timestamp()),
        "exp": int(taken.lease_until.timestamp()),
    }
    return encode_document(payload, TYP, signer_of(key))


def _record(kind: Kind, taken: Activation, data: dict[str, Any], actor: str, at: datetime) -> None:
    row = taken.license
    _record_of(row, row.account.customer_id, kind, taken, data=data, actor=actor, at=at)


def _record_of(
    row: License | Holder,
    customer_id: str,
    kind: Kind,
    taken: Activation,
    *,
    data: dict[str, Any],
    actor: str,
    at: datetime,
) -> None:
    record(
        kind=kind,
        subject=f"license:{row.public_id}",
        account=customer_id,
        actor=actor,
        data={"activation": taken.pk, "kind": taken.kind, **data},
        at=at,
    )
