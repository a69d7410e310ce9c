"""Our own license: activated, refreshed, removed (C1 to C9)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction

from config.kit.errors import FieldError, Invalid
from config.kit.locks import locked
from config.kit.sealing import SealingKeyMissing, reseal, seal, unseal
from history.domain.kinds import Kind
from history.services import record
from licenses.domain.formats import from_paste
from licenses.domain.own_license import MASTERS_NO, SAYS, Answer, Heard, OwnLicense, Standing, refreshed
from licenses.domain.verdict_codes import code_of
from licenses.domain.verification import Verification
from licenses.gates import own_license_lock, standing_of
from licenses.master import master_ask
from licenses.models import SelfLicense
from licenses.models.own import ONLY
from licenses.own_source import Found, key_find
from licenses.trust_root import is_own_master, own_key_verify
from licenses.validation import text_digest

SUBJECT = "self-license:own"
KeptFrom = SelfLicense.KeptFrom
KEY_REVOKED = "key_revoked"

log = structlog.get_logger(__name__)


class LicenseInvalid(Invalid):
    """C8: the key does not hold; the one in force stays. `reason` is a code of the verdict."""

    code = "license_invalid"
    title = "This key is not a license of this installation."

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__([FieldError("key", reason, detail)], detail=detail)
        self.members["reason"] = reason


def selflicense_activate(
    *, text: str, actor: str, at: datetime, accept: Callable[[Standing], None] = lambda _standing: None
) -> SelfLicense:
    """Take a key into use in the place of the one before; it counts at once, for every process (C8).

    Verified offline; then the master is asked, and only a clear no of it refuses, now or earlier: without an
    answer the signed set counts. `accept` hears what the key would come to, row within signed set, and may raise.
    Raises LicenseInvalid (400); the key before then stays.
    """
    text = from_paste(text)
    verification = own_key_verify(text, at)
    if not verification.ok:
        raise LicenseInvalid(*_why(verification))
    heard = master_ask(text, at=at)
    if heard.answer in MASTERS_NO:
        raise LicenseInvalid(heard.reason, SAYS.get(heard.reason, "The master refuses this license."))
    with transaction.atomic():
        row = own_license_lock()
        _take(row, text, KeptFrom.ADMIN, verification, at)
        _apply(row, heard, at)
        if row.refused in MASTERS_NO:  # known from before, whoever is silent now
            raise LicenseInvalid(row.reason, SAYS.get(row.reason, "The master refused this license."))
        standing = standing_of(row, at)
        accept(standing)
        _record(Kind.SELF_LICENSE_ACTIVATED, row, standing, actor, at)
        row.save()
    log.info("self_license_activated", license=row.public_id)
    return row


def selflicense_load(*, actor: str, at: datetime) -> SelfLicense:
    """Take up what environment or file hold, offline: what a start does, with the master up or down (C1)."""
    return _renewed(online=False, actor=actor, at=at)


def selflicense_refresh(*, actor: str, at: datetime) -> SelfLicense:
    """Read the key's source again, verify the key, ask the master (C5, C9). Call it outside a transaction."""
    return _renewed(online=True, actor=actor, at=at)


def selflicense_remove(*, actor: str, at: datetime) -> SelfLicense:
    """Go on without a license, as Creator. What environment or file hold counts again once it changes."""
    with transaction.atomic():
        row = own_license_lock()
        if row.key_sha256:
            before = row.public_id
            row = SelfLicense(
                pk=ONLY, found_sha256=row.found_sha256, remembered=row.remembered, guard=row.guard,
                guard_since=row.guard_since,
            )  # fmt: skip
            now = standing_of(row, at)
            _record(Kind.SELF_LICENSE_REMOVED, row, now, actor, at, license=before)
            row.save()
    return row


def selflicense_reseal() -> int:
    """Seal the kept key again under the first key-encryption key; return how many there were."""
    with transaction.atomic():
        row = locked(SelfLicense.objects.filter(pk=ONLY, key_sealed__isnull=False)).first()
        if row is None:
            return 0
        row.key_sealed = reseal(bytes(row.key_sealed or b""))
        row.save(update_fields=["key_sealed"])
    return 1


# --- one refresh --------------------------------------------------------------------------------------


def _renewed(*, online: bool, actor: str, at: datetime) -> SelfLicense:
    row = SelfLicense.objects.filter(pk=ONLY).first() or SelfLicense(pk=ONLY)
    found = _new_in_source(row, at)
    text = found.text if found else _kept_text(row)
    verification = own_key_verify(text, at) if text else None
    heard = _hear(text, verification, online=online, at=at)
    with transaction.atomic():
        now = own_license_lock()
        if _overtaken(row, now, at):
            return now
        if found and verification and text_digest(found.text) == now.key_sha256:
            now.found_sha256 = now.key_sha256
        elif found and verification:
            _take(now, found.text, found.kept_from, verification, at)
        elif verification and not now.public_id and now.key_sha256:
            _catch_up(now, verification, at)
        elif verification and verification.ok:
            _write_claims(now, verification)  # what stands in the row is never wider than what is signed
        if now.key_sha256:
            if heard is not None:
                _apply(now, heard, at)
            _record_change(now, actor, at)
            now.save()
    return now


def _overtaken(row: SelfLicense, now: SelfLicense, at: datetime) -> bool:
    """While the master was asked, another key was activated, or somebody who asked no earlier wrote the answer."""
    if now.key_sha256 != row.key_sha256:
        return True
    return now.refreshed_at is not None and now.refreshed_at != row.refreshed_at and now.refreshed_at >= at


def _new_in_source(row: SelfLicense, at: datetime) -> Found | None:
    """What environment or file hold, if it is not what was taken up from there before.

    One that does not hold takes nothing from a key that was activated (C8), only from one that came from there.
    """
    found = key_find()
    if found is None:
        if row.kept_from in {KeptFrom.ENVIRONMENT, KeptFrom.FILE}:
            log.warning("self_license_source_gone", kept_from=row.kept_from)
        return None
    if text_digest(found.text) == row.found_sha256:
        return None
    if row.kept_from == KeptFrom.ADMIN and not own_key_verify(found.text, at).ok:
        log.warning("self_license_source_bad", kept_from=str(found.kept_from))
        return None
    return found


def _kept_text(row: SelfLicense) -> str:
    if row.key_sealed is None:
        return ""
    try:
        return unseal(bytes(row.key_sealed)).decode()
    except SealingKeyMissing:
        log.warning("self_license_sealed_shut")
        return ""


def _hear(text: str, verification: Verification | None, *, online: bool, at: datetime) -> Heard | None:
    """What this refresh brings (C9); None: nothing was asked."""
    if verification is None:
        return Heard(Answer.SOURCE_GONE, "source_gone")
    if not verification.ok:
        reason, _ = _why(verification)
        return Heard(Answer.EXPIRED if _only_ended(verification) else Answer.UNVERIFIED, reason)
    return master_ask(text, at=at) if online or is_own_master() else None


def _only_ended(verification: Verification) -> bool:
    return {failure.reason for failure in verification.failures} == {"expired"}


def _why(verification: Verification) -> tuple[str, str]:
    stage, reason = verification.stage or "format", verification.reason or ""
    code = code_of(stage, reason)
    return code, SAYS.get(code, verification.detail or code)


def _take(row: SelfLicense, text: str, kept_from: str, verification: Verification, at: datetime) -> None:
    """Put a key and what it carries into the row.

    What the master said of a license stays while it is the same one: a key changes what is signed, not what its
    row says. Unless it was the old key that was refused: the license was issued again for that.
    """
    row.key_sealed, row.key_sha256 = seal(text.encode()), text_digest(text)
    row.kept_from, row.activated_at = kept_from, at
    if kept_from != KeptFrom.ADMIN:
        row.found_sha256 = row.key_sha256
    before = row.public_id
    _write_claims(row, verification)
    doubted = (
        row.refused == Answer.UNVERIFIED or row.reason == KEY_REVOKED or row.key_sha256 in row.remembered
    )
    if not row.public_id or row.public_id != before or doubted:
        _put(row, _unheard(row, verification, at))
    row.outcome = row.outcome_detail = ""


def _catch_up(row: SelfLicense, verification: Verification, at: datetime) -> None:
    """Write down what a key carries that did not hold when it was taken up, and does now."""
    _write_claims(row, verification)
    if row.public_id:
        _put(row, _unheard(row, verification, at))


def _write_claims(row: SelfLicense, verification: Verification) -> None:
    """What the key carries, as far as it can be believed: one that only ended is still ours."""
    claims = verification.claims if verification.ok or _only_ended(verification) else None
    row.public_id = claims.license_id if claims else ""
    row.customer_id = claims.subject if claims else ""
    row.plan_code = (claims.plan or "") if claims else ""
    row.kind = str(claims.kind) if claims else ""
    row.signed = dict(claims.entitlements) if claims else {}
    row.signed_seats = claims.seats if claims else 0
    row.expires_at = verification.expires_at if claims else None
    row.ends_at = verification.grace_until if claims else None


def _unheard(row: SelfLicense, verification: Verification, at: datetime) -> OwnLicense:
    """The facts about a license that nobody was asked about yet: what was said of it in earlier days, if anything."""
    heard = OwnLicense(heard_at=None if is_own_master() else at)
    if not row.public_id:
        reason, _ = _why(verification)
        return replace(heard, refused=Answer.UNVERIFIED, reason=reason, refused_since=at)
    said = row.remembered.get(row.key_sha256) or row.remembered.get(row.public_id)
    if not said:
        return heard
    return replace(
        heard,
        live=said["live"],
        live_seats=said["seats"],
        refused=Answer(said["refused"]) if said["refused"] else None,
        reason=said["reason"],
        refused_since=datetime.fromisoformat(said["since"]) if said["since"] else None,
    )


def _apply(row: SelfLicense, heard: Heard, at: datetime) -> None:
    facts = refreshed(row.facts, heard, at=at)
    if is_own_master():
        facts = replace(facts, heard_at=None)  # nobody who could fall silent
    _put(row, facts)
    _remember(row, heard)
    row.refreshed_at, row.outcome, row.outcome_detail = at, str(heard.answer), heard.reason[:200]


def _remember(row: SelfLicense, heard: Heard) -> None:
    """What the master says of this license outlasts its removal and any other key; a doubt about a text does not.

    A key that was revoked is remembered by its hash, beside what holds for its license.
    """
    if row.refused == Answer.UNVERIFIED or not row.public_id:
        return
    mark = row.key_sha256 if row.reason == KEY_REVOKED else row.public_id
    remembered = {**row.remembered, mark: _said(row)}
    if heard.answer is Answer.LIVE:
        remembered.pop(row.key_sha256, None)
    row.remembered = {
        mark: said for mark, said in remembered.items() if said["refused"] or said["live"] is not None
    }


def _said(row: SelfLicense) -> dict[str, Any]:
    since = row.refused_since
    return {
        "live": row.live,
        "seats": row.live_seats,
        "refused": row.refused,
        "reason": row.reason,
        "since": since.isoformat() if since else "",
    }


def _put(row: SelfLicense, facts: OwnLicense) -> None:
    row.live = None if facts.live is None else dict(facts.live)
    row.live_seats = facts.live_seats
    row.refused = str(facts.refused or "")
    row.reason, row.refused_since, row.heard_at = facts.reason, facts.refused_since, facts.heard_at


# --- what the history is told -------------------------------------------------------------------------


def _record_change(row: SelfLicense, actor: str, at: datetime) -> None:
    """One event where guard, reason or what is granted differ from what was told last; none without."""
    now = standing_of(row, at)
    if _digest(row, now) != row.told_sha256:
        _record(Kind.SELF_LICENSE_CHANGED, row, now, actor, at)


def _record(
    kind: Kind,
    row: SelfLicense,
    now: Standing,
    actor: str,
    at: datetime,
    *,
    license: str = "",  # noqa: A002 - the word of the vocabulary
) -> None:
    if row.guard != now.guard or row.guard_since is None:
        row.guard, row.guard_since = now.guard, at
    row.told_sha256 = _digest(row, now)
    data: dict[str, Any] = {
        "license": license or row.public_id, "key_sha256": row.key_sha256, "kept_from": row.kept_from,
        "guard": str(now.guard), "reason": now.reason, "tier": str(now.tier),
        "entitlements": len(now.granted), "signed": len(row.signed), "outcome": row.outcome,
    }  # fmt: skip
    record(kind=kind, subject=SUBJECT, actor=actor, data=data, at=at)


def _digest(row: SelfLicense, now: Standing) -> str:
    facts = [row.key_sha256, now.guard, now.reason, now.seats, sorted(now.granted.items())]
    return hashlib.sha256(json.dumps(facts, default=str).encode()).hexdigest()


def license_is_own(public_id: str) -> bool:
    """Whether a license of this office is the one that this installation runs under (C29)."""
    return bool(public_id) and SelfLicense.objects.filter(pk=ONLY, public_id=public_id).exists()
