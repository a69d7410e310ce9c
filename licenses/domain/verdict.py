"""The one complete verdict about a license (C22, C23), offline and online from the same code.

Offline the facts are a verification alone; online the live row joins it, and then terms, entitlements and
limits are the row's: the token is a snapshot, the row is the right. Every failed check is reported, in the
order of ``verdict_codes.FAILURES``, so an exceeded limit never hides an expiry.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from licenses.domain.claims import Claims, fingerprint_hash
from licenses.domain.entitlements import Entitlement, Value, effective, next_end
from licenses.domain.enums import Format, KeyState, Kind, LicenseStatus, NodeCapState, Posture
from licenses.domain.instants import instant
from licenses.domain.posture import DEFAULTS, PostureSettings
from licenses.domain.terms import Terms, next_phase_at, phase
from licenses.domain.verdict_codes import FAILURES, HIDING, WARNINGS, code_of
from licenses.domain.verification import Verification

_OF_TIME: Final = frozenset({"not_yet_valid", "expired"})
_LOUD: Final = frozenset({NodeCapState.NOTICE, NodeCapState.ESCALATED})


@dataclass(frozen=True, slots=True)
class Use:
    """A limit and its use; cap 0 is unlimited, ``used`` None is not known here (offline)."""

    cap: int
    used: int | None = None

    @property
    def exceeded(self) -> bool:
        return self.cap > 0 and self.used is not None and self.used > self.cap

    @property
    def full(self) -> bool:
        return self.cap > 0 and self.used is not None and self.used >= self.cap


UNLIMITED: Final = Use(0)


@dataclass(frozen=True, slots=True)
class LiveFacts:
    """What the issuer's row says now. ``product`` is the audience; ``seats`` and ``nodes`` never fail.

    ``machine_known`` and ``collector_known`` say that the one that asks holds a place already;
    ``token_current`` is False when a newer issuance supersedes the one presented.
    """

    license_id: str
    status: LicenseStatus
    product: str
    kind: Kind
    edition: str
    starts_at: datetime
    expires_at: datetime | None
    warn_days: int
    grace_days: int
    plan: str = ""
    entitlements: Mapping[str, Entitlement] = field(default_factory=dict)
    seats: Use = UNLIMITED
    nodes: Use = UNLIMITED
    machines: Use = UNLIMITED
    collectors: Use = UNLIMITED
    machine_id: str | None = None
    machine_known: bool = False
    collector_known: bool = False
    bound_fingerprint_sha256: str | None = None
    node_state: NodeCapState = NodeCapState.WITHIN
    node_state_changes_at: datetime | None = None
    key_state: KeyState | None = None
    token_current: bool = True


@dataclass(frozen=True, slots=True)
class VerdictFacts:
    """Everything that a verdict is made of.

    ``online`` means that the license must be known: without ``live`` it is ``not_found``. ``product`` is
    the audience that the caller asks for, ``fingerprint`` its raw text, ``collector`` whether a collector
    (rather than a machine) asks. Offline, ``verification`` stands alone.
    """

    now: datetime
    verification: Verification | None = None
    live: LiveFacts | None = None
    online: bool = False
    rate_limited: bool = False
    product: str | None = None
    fingerprint: str | None = None
    collector: bool = False
    settings: PostureSettings = DEFAULTS


@dataclass(frozen=True, slots=True)
class Finding:
    """A failure or warning: a code of the table and one sentence."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer. ``reason`` is the first failure's code; entitlements are empty unless ``ok``.

    ``posture`` is ``invalid`` for any failure but an expiry. ``changes_at`` is the next instant at which
    this answer changes by itself: a cache may keep it until then.
    """

    ok: bool
    reason: str | None
    posture: Posture
    checked_at: datetime
    failures: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()
    license_id: str | None = None
    format: Format | None = None
    kid: str | None = None
    kind: Kind | None = None
    edition: str | None = None
    plan: str | None = None
    trial: bool = False
    in_grace_period: bool = False
    expires_at: datetime | None = None
    grace_until: datetime | None = None
    changes_at: datetime | None = None
    machine_id: str | None = None
    entitlements: Mapping[str, Value] = field(default_factory=dict)
    limits: Mapping[str, Use] = field(default_factory=dict)

    @property
    def expired(self) -> bool:
        """Past expiry, in grace or beyond."""
        return self.posture is Posture.GRACE or any(item.code == "expired" for item in self.failures)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, always with the same members; instants as RFC 3339 in UTC."""
        return {
            "ok": self.ok,
            "reason": self.reason,
            "posture": self.posture.value,
            "expired": self.expired,
            "failures": [{"code": item.code, "detail": item.detail} for item in self.failures],
            "warnings": [{"code": item.code, "detail": item.detail} for item in self.warnings],
            "license_id": self.license_id,
            "format": self.format,
            "kid": self.kid,
            "kind": self.kind,
            "edition": self.edition,
            "plan": self.plan,
            "trial": self.trial,
            "in_grace_period": self.in_grace_period,
            "expires_at": _text(self.expires_at),
            "grace_until": _text(self.grace_until),
            "changes_at": _text(self.changes_at),
            "checked_at": _text(self.checked_at),
            "machine_id": self.machine_id,
            "entitlements": dict(self.entitlements),
            "limits": {name: {"cap": use.cap, "used": use.used} for name, use in self.limits.items()},
        }


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")


def verdict(facts: VerdictFacts) -> Verdict:
    """Judge the facts at ``facts.now``. Pure and cheap; needs no network and no row when offline."""
    found = _token_failures(facts)
    if not HIDING.isdisjoint(found) or (facts.verification is None and facts.live is None):
        # Whoever holds no license of ours learns nothing about one.
        return _closed(facts, found)
    terms = _terms(facts)
    if facts.live is not None:
        _live_failures(facts, facts.live, found)
    _token_against_facts(facts, found)
    if terms is not None:
        _time_failures(facts, terms, found)
    return _judged(facts, terms, found)


def _token_failures(facts: VerdictFacts) -> dict[str, str]:
    """Codes with details; the first detail of a code stays."""
    found: dict[str, str] = {}
    if facts.rate_limited:
        found["rate_limited"] = FAILURES["rate_limited"]
        return found
    if facts.verification is not None:
        for failure in facts.verification.failures:
            code = code_of(failure.stage, failure.reason)
            # With a live row, time is the row's to say: a renewed license outlives its old tokens.
            if facts.live is None or code not in _OF_TIME:
                found.setdefault(code, FAILURES[code] if code == failure.reason else failure.detail)
    if facts.online and facts.live is None and HIDING.isdisjoint(found):
        found["not_found"] = FAILURES["not_found"]
    return found


def _live_failures(facts: VerdictFacts, live: LiveFacts, found: dict[str, str]) -> None:
    if live.status is LicenseStatus.REVOKED:
        _add(found, "revoked")
    elif live.status is LicenseStatus.SUSPENDED:
        _add(found, "suspended")
    if live.key_state is KeyState.REVOKED:
        _add(found, "key_revoked")
    if facts.product is not None and facts.product != live.product:
        _add(found, "product_mismatch")
    claims = None if facts.verification is None else facts.verification.claims
    if claims is not None and claims.audience != live.product:
        _add(found, "product_mismatch")
    if not _fits_machine(live.bound_fingerprint_sha256, facts.fingerprint):
        _add(found, "fingerprint_mismatch")
    if (
        facts.fingerprint is not None
        and not facts.collector
        and live.machines.full
        and not live.machine_known
    ):
        _add(found, "too_many_machines")
    if facts.collector and live.collectors.full and not live.collector_known:
        _add(found, "too_many_collectors")


def _token_against_facts(facts: VerdictFacts, found: dict[str, str]) -> None:
    """What token and row say about product and machine, against what was asked."""
    verification, live = facts.verification, facts.live
    product = facts.product if live is None else live.product
    claims = None if verification is None else verification.claims
    if claims is not None and product not in (None, claims.audience):
        _add(found, "product_mismatch")
    signed = None if verification is None else verification.fingerprint_sha256
    bound = None if live is None else live.bound_fingerprint_sha256
    if not (_fits_machine(signed, facts.fingerprint) and _fits_machine(bound, facts.fingerprint)):
        _add(found, "fingerprint_mismatch")


def _add(found: dict[str, str], code: str) -> None:
    found.setdefault(code, FAILURES[code])


def _fits_machine(bound: str | None, fingerprint: str | None) -> bool:
    if bound is None or fingerprint is None:
        return True
    return hmac.compare_digest(bound, fingerprint_hash(fingerprint))


def _terms(facts: VerdictFacts) -> Terms | None:
    live = facts.live
    if live is not None:
        return Terms(live.starts_at, live.expires_at, live.warn_days, live.grace_days)
    return None if facts.verification is None else facts.verification.terms(facts.settings)


def _time_failures(facts: VerdictFacts, terms: Terms, found: dict[str, str]) -> None:
    """Offline the verification has judged the start, with its leeway; the end is judged here as well."""
    if facts.live is not None and facts.now < terms.starts_at:
        _add(found, "not_yet_valid")
    if phase(terms, max(facts.now, terms.starts_at)) is Posture.READ_ONLY:
        _add(found, "expired")


def _closed(facts: VerdictFacts, found: dict[str, str]) -> Verdict:
    if not found:
        _add(found, "bad_format")
    failures = _ordered(found)
    verification = facts.verification
    return Verdict(
        ok=False,
        reason=failures[0].code,
        posture=Posture.INVALID,
        checked_at=facts.now,
        failures=failures,
        format=None if verification is None else verification.format,
    )


def _ordered(found: Mapping[str, str]) -> tuple[Finding, ...]:
    if not found:
        return ()
    return tuple(Finding(code, found[code]) for code in FAILURES if code in found)


def _judged(facts: VerdictFacts, terms: Terms | None, found: Mapping[str, str]) -> Verdict:
    failures = _ordered(found)
    live, verification = facts.live, facts.verification
    claims = None if verification is None else verification.claims
    kind = live.kind if live is not None else None if verification is None else verification.kind
    posture = _posture(facts, terms, found)
    granted = _granted(facts) if not failures else {}
    return Verdict(
        ok=not failures,
        reason=failures[0].code if failures else None,
        posture=posture,
        checked_at=facts.now,
        failures=failures,
        warnings=_warnings(facts, posture, found),
        license_id=live.license_id if live is not None else _license_id(verification),
        format=None if verification is None else verification.format,
        kid=None if verification is None else verification.kid,
        kind=kind,
        edition=live.edition if live is not None else None if claims is None else claims.edition.value,
        plan=live.plan if live is not None else None if claims is None else claims.plan,
        trial=kind is Kind.TRIAL,
        in_grace_period=posture is Posture.GRACE,
        expires_at=None if terms is None else terms.expires_at,
        grace_until=None if terms is None else terms.ends_at,
        changes_at=_changes_at(facts, terms, granted),
        machine_id=None if live is None else live.machine_id,
        entitlements=effective(granted, facts.now),
        limits=_limits(live, claims),
    )


def _license_id(verification: Verification | None) -> str | None:
    if verification is None:
        return None
    if verification.claims is not None:
        return verification.claims.license_id
    return None if verification.fields is None else str(verification.fields.license_uid)


def _posture(facts: VerdictFacts, terms: Terms | None, found: Mapping[str, str]) -> Posture:
    if terms is None or found.keys() - {"expired"}:
        return Posture.INVALID
    return phase(terms, max(facts.now, terms.starts_at))


def _granted(facts: VerdictFacts) -> Mapping[str, Entitlement]:
    if facts.live is not None:
        return facts.live.entitlements
    return {} if facts.verification is None else facts.verification.entitlements


def _warnings(facts: VerdictFacts, posture: Posture, found: Mapping[str, str]) -> tuple[Finding, ...]:
    live, verification = facts.live, facts.verification
    codes: list[str] = []
    if posture is Posture.WARNING:
        codes.append("expiring")
    if posture is Posture.GRACE:
        codes.append("in_grace_period")
    if live is not None and not live.token_current:
        codes.append("token_superseded")
    if KeyState.RETIRED in (live and live.key_state, verification and verification.key_state):
        codes.append("key_retired")
    if verification is not None and verification.fields is not None and verification.fields.version == 1:
        codes.append("legacy_format")
    if facts.fingerprint is None and _bound(facts) and "rate_limited" not in found:
        codes.append("fingerprint_not_checked")
    if live is not None and live.node_state in _LOUD:
        codes.append("nodes_over_cap")
    if live is not None and live.seats.exceeded:
        codes.append("seats_exceeded")
    return tuple(Finding(code, WARNINGS[code]) for code in codes)


def _bound(facts: VerdictFacts) -> bool:
    if facts.live is not None and facts.live.bound_fingerprint_sha256 is not None:
        return True
    return facts.verification is not None and facts.verification.fingerprint_sha256 is not None


def _changes_at(
    facts: VerdictFacts, terms: Terms | None, granted: Mapping[str, Entitlement]
) -> datetime | None:
    """The earliest of: the next boundary of the term, the next entitlement to end, the next node state."""
    live = facts.live
    if live is not None:
        boundary = None if terms is None else next_phase_at(terms, facts.now)
        candidates = [boundary, live.node_state_changes_at]
    else:
        candidates = [None if facts.verification is None else facts.verification.changes_at]
    ends = next_end(granted, facts.now)
    candidates.append(None if ends is None else instant(ends))
    return min((at for at in candidates if at is not None and at > facts.now), default=None)


def _limits(live: LiveFacts | None, claims: Claims | None) -> dict[str, Use]:
    if live is not None:
        return {
            "seats": live.seats,
            "nodes": live.nodes,
            "machines": live.machines,
            "collectors": live.collectors,
        }
    if claims is None:
        return {}
    return {
        "seats": Use(claims.seats),
        "nodes": Use(claims.nodes),
        "machines": Use(claims.machines),
        "collectors": Use(claims.collectors),
    }
