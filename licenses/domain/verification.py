"""Is this text a license of ours, and does it hold now? (A4, A5, C21 to C23)

``verify`` needs a text, public keys and a clock reading: no socket, no database, no settings. It never
raises, whatever the bytes, and says every check that failed, first things first.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from licenses.domain import envelope, lic1, tokens
from licenses.domain.claims import Claims, ClaimsError, fingerprint_hash
from licenses.domain.entitlements import Entitlement
from licenses.domain.enums import Format, KeyState, Kind, Posture
from licenses.domain.formats import MAX_TEXT, Recognition, recognise, shape
from licenses.domain.instants import instant, require_aware
from licenses.domain.keys import KeySet
from licenses.domain.lic1 import Lic1Fields
from licenses.domain.posture import DEFAULTS, PostureSettings
from licenses.domain.terms import Terms, next_phase_at, phase
from licenses.domain.tokens import TokenError

LEEWAY: Final = timedelta(minutes=10)
"""How far a customer's clock may be behind ours: applies to ``nbf`` and ``iat``, never to expiry."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed check: ``stage`` is format, header, key, signature, claims or revocation."""

    stage: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What ``verify`` found. ``stage``, ``reason`` and ``detail`` are those of the first failure.

    ``claims`` is set for JWT and envelope, ``fields`` for LIC1, once the signature holds; they also stand
    when ``ok`` is false (expired, revoked key), so read ``ok`` first. ``covered`` is the time it covers.
    """

    ok: bool
    stage: str | None = None
    reason: str | None = None
    detail: str | None = None
    failures: tuple[Failure, ...] = ()
    format: Format | None = None
    kid: str | None = None
    key_state: KeyState | None = None
    claims: Claims | None = None
    fields: Lic1Fields | None = None
    posture: Posture = Posture.INVALID
    covered: Terms | None = None
    changes_at: datetime | None = None

    @property
    def in_grace_period(self) -> bool:
        return self.posture is Posture.GRACE

    @property
    def expires_at(self) -> datetime | None:
        return None if self.covered is None else self.covered.expires_at

    @property
    def grace_until(self) -> datetime | None:
        return None if self.covered is None else self.covered.ends_at

    def terms(self, settings: PostureSettings = DEFAULTS) -> Terms | None:
        """The time covered, once the signature holds; ``settings`` fills in what LIC1 keys do not carry."""
        return self.covered if self.fields is None else _terms(self.fields, settings)

    @property
    def entitlements(self) -> Mapping[str, Entitlement]:
        """The signed entitlements, of whatever format."""
        if self.claims is not None:
            return self.claims.entitlements
        return {} if self.fields is None else self.fields.granted()

    @property
    def kind(self) -> Kind | None:
        if self.claims is not None:
            return self.claims.kind
        return None if self.fields is None else self.fields.kind

    @property
    def fingerprint_sha256(self) -> str | None:
        """The hash of the machine that the license is bound to, if any."""
        signed = self.claims or self.fields
        return None if signed is None else signed.fingerprint_sha256

    @property
    def jti(self) -> str | None:
        return None if self.claims is None else self.claims.jti


@dataclass(slots=True)
class _Reading:
    """A text whose signature holds."""

    format: Format
    kid: str
    key_state: KeyState
    signed: Claims | Lic1Fields


@dataclass(slots=True)
class _Expectation:
    now: datetime
    issuer: str | None
    audience: str | None
    fingerprint: str | None
    denied_jtis: Collection[str]
    product_uid: UUID | None
    check_time: bool
    leeway: timedelta


def verify(
    text: str | bytes,
    keys: KeySet,
    *,
    now: datetime,
    issuer: str | None,
    audience: str | None,
    fingerprint: str | None = None,
    denied_jtis: Collection[str] = frozenset(),
    product_uid: UUID | None = None,
    check_time: bool = True,
    leeway: timedelta = LEEWAY,
    settings: PostureSettings = DEFAULTS,
) -> Verification:
    """Read a license in any format and judge it at ``now`` (aware).

    ``issuer`` and ``audience`` None are not compared; LIC1 keys carry neither and are compared by
    ``product_uid`` instead. ``fingerprint`` (raw text) None skips the binding. ``denied_jtis`` are token
    ids that were withdrawn. An expired license is ok within its grace (C23); from the end of grace the
    reason is ``expired``. ``check_time`` False judges no instants: the issuer's own row says them.
    """
    require_aware(now)
    try:
        reading = _read(text, keys)
    except TokenError as error:
        return _unreadable(text, error.stage, error.reason, error.detail)
    except ClaimsError as error:
        return _unreadable(text, "claims", error.reason, error.detail)
    expected = _Expectation(now, issuer, audience, fingerprint, denied_jtis, product_uid, check_time, leeway)
    terms = _terms(reading.signed, settings)
    # Within the leeway before its start a license runs as from its start.
    posture = phase(terms, max(now, terms.starts_at))
    failures = tuple(_failures(reading, terms, posture, keys, expected))
    return _result(reading, terms, posture, failures, expected)


def _read(text: str | bytes, keys: KeySet) -> _Reading:
    if isinstance(text, bytes):
        if len(text) > MAX_TEXT:
            raise TokenError("format", "too_large", "the text is longer than any license")
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError as error:
            raise TokenError("format", "not_utf8", "a license is text in UTF-8") from error
    if not isinstance(text, str):
        raise TokenError("format", "not_text", "a license is text")
    match shape(text):
        case Format.JWT:
            return _reading(Format.JWT, tokens.decode(text, keys))
        case Format.ENVELOPE:
            return _reading(Format.ENVELOPE, envelope.decode(text, keys))
        case Format.LIC1:
            key = lic1.verify(text, keys)
            state = KeyState.ACTIVE if key.key is None else key.key.state
            return _Reading(Format.LIC1, key.kid or "", state, key.fields)
    if recognise(text).kind is Recognition.LEGACY:
        raise TokenError("format", "legacy_format", "a key of an older generator, which is not verified here")
    raise TokenError("format", "unknown_format", "not a license in any known format")


def _reading(form: Format, decoded: tokens.Decoded) -> _Reading:
    claims = Claims.from_payload(decoded.claims_payload)
    return _Reading(form, decoded.kid, decoded.key_state, claims)


def _unreadable(text: object, stage: str, reason: str, detail: str) -> Verification:
    form = shape(text) if isinstance(text, str) else None
    failure = Failure(stage, reason, detail)
    return Verification(False, stage, reason, detail, failures=(failure,), format=form)


def _terms(signed: Claims | Lic1Fields, settings: PostureSettings) -> Terms:
    if isinstance(signed, Claims):
        return Terms.of_claims(signed)
    grace = settings.trial_grace_days if signed.trial else settings.grace_days
    expires_at = None if signed.expires_at is None else instant(signed.expires_at)
    return Terms(instant(signed.issued_at), expires_at, settings.warn_days, grace)


def _failures(
    reading: _Reading, terms: Terms, posture: Posture, keys: KeySet, expected: _Expectation
) -> Iterator[Failure]:
    """Every failed check, in the order of the verdict's table."""
    signed = reading.signed
    if reading.key_state is KeyState.REVOKED:
        yield Failure("key", "key_revoked", "the key that signed the license was revoked")
    if isinstance(signed, Claims):
        yield from _origin_failures(signed, reading.kid, keys, expected)
    elif expected.product_uid not in (None, signed.product_uid):
        yield Failure("claims", "product_mismatch", "the license is for another product")
    if expected.check_time:
        yield from _time_failures(signed, terms, posture, expected)
    if not _fits_machine(signed.fingerprint_sha256, expected.fingerprint):
        yield Failure("claims", "fingerprint_mismatch", "the license is bound to another machine")


def _fits_machine(bound: str | None, fingerprint: str | None) -> bool:
    """Unbound licenses fit every machine; without a fingerprint there is nothing to compare."""
    if bound is None or fingerprint is None:
        return True
    return hmac.compare_digest(bound, fingerprint_hash(fingerprint))


def _origin_failures(claims: Claims, kid: str, keys: KeySet, expected: _Expectation) -> Iterator[Failure]:
    if expected.issuer is not None and claims.issuer != expected.issuer:
        yield Failure("claims", "issuer_mismatch", "the license was issued by somebody else")
    if claims.jti in expected.denied_jtis:
        yield Failure("revocation", "revoked", "the license was withdrawn")
    if expected.audience is not None and claims.audience != expected.audience:
        yield Failure("claims", "audience_mismatch", "the license is for another product")
    key = keys.get(kid)
    if key is not None and not key.serves(claims.audience):
        yield Failure("key", "key_not_for_product", "the key may not sign for this product")


def _time_failures(
    signed: Claims | Lic1Fields, terms: Terms, posture: Posture, expected: _Expectation
) -> Iterator[Failure]:
    latest = expected.now + expected.leeway
    if latest < terms.starts_at:
        yield Failure("claims", "not_yet_valid", f"the license starts at {terms.starts_at.isoformat()}")
    elif latest.timestamp() < signed.issued_at:
        yield Failure("claims", "issued_in_future", "the license says it was issued in the future")
    if posture is Posture.READ_ONLY:
        yield Failure("claims", "expired", "the license and its grace period are over")


def _result(
    reading: _Reading,
    terms: Terms,
    posture: Posture,
    failures: tuple[Failure, ...],
    expected: _Expectation,
) -> Verification:
    if failures and any(failure.reason != "expired" for failure in failures):
        posture = Posture.INVALID
    signed = reading.signed
    first = failures[0] if failures else None
    return Verification(
        ok=first is None,
        stage=first.stage if first else None,
        reason=first.reason if first else None,
        detail=first.detail if first else None,
        failures=failures,
        format=reading.format,
        kid=reading.kid,
        key_state=reading.key_state,
        claims=signed if isinstance(signed, Claims) else None,
        fields=signed if isinstance(signed, Lic1Fields) else None,
        posture=posture,
        covered=terms,
        changes_at=_changes_at(signed, terms, expected),
    )


def _changes_at(signed: Claims | Lic1Fields, terms: Terms, expected: _Expectation) -> datetime | None:
    """The next instant at which the answer changes by itself; at the start, a leeway early."""
    if not expected.check_time:
        return None
    latest = expected.now + expected.leeway
    boundary = next_phase_at(terms, max(expected.now, terms.starts_at))
    for start in (terms.starts_at, instant(signed.issued_at)):
        if latest < start and (boundary is None or start - expected.leeway < boundary):
            boundary = start - expected.leeway
    return boundary
