"""The claims that every token format is cut from (A3): one object, one order, one set of checks."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Final
from urllib.parse import urlsplit

from licenses.domain.entitlements import Entitlement, EntitlementError, parse
from licenses.domain.enums import Edition, Kind
from licenses.domain.errors import DomainError
from licenses.domain.instants import MAX_DAYS, MAX_EPOCH
from licenses.domain.wire import json_dump

VERSION: Final = 1
MAX_LIMIT: Final = 2**31 - 1
MAX_TEXT: Final = 255
MAX_URL: Final = 2000

_FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}")
_KINDS: Final = {kind.value: kind for kind in Kind}
_EDITIONS: Final = {edition.value: edition for edition in Edition}
_INTEGERS: Final = (
    # attribute, claim, lowest, highest
    ("issued_at", "iat", 1, MAX_EPOCH),
    ("not_before", "nbf", 1, MAX_EPOCH),
    ("seats", "seats", 0, MAX_LIMIT),
    ("nodes", "nodes", 0, MAX_LIMIT),
    ("machines", "machines", 0, MAX_LIMIT),
    ("collectors", "collectors", 0, MAX_LIMIT),
    ("quantity", "quantity", 1, MAX_LIMIT),
    ("warn_days", "warn", 0, MAX_DAYS),
    ("grace_days", "grace", 0, MAX_DAYS),
)
_TEXTS: Final = (
    # attribute, claim
    ("issuer", "iss"),
    ("subject", "sub"),
    ("audience", "aud"),
    ("license_id", "lic"),
    ("jti", "jti"),
    ("plan", "plan"),
)
_get_integers: Final = attrgetter(*(row[0] for row in _INTEGERS))
_get_texts: Final = attrgetter(*(row[0] for row in _TEXTS))
_REQUIRED: Final = frozenset(
    {
        *("iss", "sub", "aud", "lic", "jti", "iat", "nbf", "ver", "kind", "edition", "plan"),
        *("seats", "nodes", "ent", "warn", "grace"),
    }
)


class ClaimsError(DomainError):
    """Claims that no license may carry; ``claim`` is the short name, ``reason`` is ``<claim>_<problem>``."""

    def __init__(self, reason: str, claim: str, detail: str = "") -> None:
        super().__init__(reason, detail or f"claim {claim!r}: {reason.removeprefix(claim + '_')}")
        self.claim = claim


def fingerprint_hash(fingerprint: str) -> str:
    """SHA-256 (hex) of a machine's fingerprint text; only the hash is ever put into a key (C24)."""
    return hashlib.sha256(fingerprint.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Claims:
    """What is signed. Instants are epoch seconds, limits count from 0 (unlimited), periods are days.

    Raises ClaimsError on construction when any value has the wrong type or range, so that an object of
    this class can always be signed and a token that names nonsense never becomes one.
    """

    issuer: str
    subject: str
    audience: str
    license_id: str
    jti: str
    issued_at: int
    not_before: int
    expires_at: int | None
    kind: Kind
    edition: Edition
    plan: str
    seats: int
    nodes: int
    machines: int = 0
    collectors: int = 0
    quantity: int = 1
    entitlements: Mapping[str, Entitlement] = field(default_factory=dict)
    warn_days: int = 30
    grace_days: int = 14
    fingerprint_sha256: str | None = None
    online_url: str | None = None
    prefer_online: bool = False
    version: int = VERSION
    _json: bytes | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for text, (_, claim) in zip(_get_texts(self), _TEXTS, strict=True):
            if type(text) is not str or not text or len(text) > MAX_TEXT or not text.isprintable():
                _refuse_text(text, claim)
        for value, (_, claim, lowest, highest) in zip(_get_integers(self), _INTEGERS, strict=True):
            if type(value) is not int or not lowest <= value <= highest:
                _refuse_integer(value, claim)
        if self.expires_at is not None:
            _check_expiry(self.expires_at, self.not_before)
        self._check_words()
        object.__setattr__(self, "entitlements", _entitlements(self.entitlements))

    def _check_words(self) -> None:
        if type(self.version) is not int or self.version != VERSION:
            raise ClaimsError("ver_unsupported", "ver")
        if type(self.kind) is not Kind:
            raise ClaimsError("kind_unknown", "kind")
        if type(self.edition) is not Edition:
            raise ClaimsError("edition_unknown", "edition")
        if self.fingerprint_sha256 is not None:
            _check_fingerprint(self.fingerprint_sha256)
        if self.online_url is not None or self.prefer_online is not False:
            _check_online(self.online_url, self.prefer_online)

    @property
    def perpetual(self) -> bool:
        return self.expires_at is None

    def to_payload(self) -> dict[str, Any]:
        """The claims under their short names, always in the same order; what is empty is left out."""
        payload: dict[str, Any] = {
            "iss": self.issuer,
            "sub": self.subject,
            "aud": self.audience,
            "lic": self.license_id,
            "jti": self.jti,
            "iat": self.issued_at,
            "nbf": self.not_before,
        }
        if self.expires_at is None:
            payload["perpetual"] = True
        else:
            payload["exp"] = self.expires_at
        payload |= {
            "ver": self.version,
            "kind": str(self.kind),
            "edition": str(self.edition),
            "plan": self.plan,
            "seats": self.seats,
            "nodes": self.nodes,
        }
        payload |= self._optional_limits()
        payload |= {"ent": dict(self.entitlements), "warn": self.warn_days, "grace": self.grace_days}
        if self.fingerprint_sha256 is not None:
            payload["fp"] = self.fingerprint_sha256
        if self.prefer_online or self.online_url is not None:
            payload["online"] = {"prefer": self.prefer_online}
            if self.online_url is not None:
                payload["online"]["url"] = self.online_url
        return payload

    def to_json(self) -> bytes:
        """The same as compact JSON, as a token says it; it is kept, because who signs it also stores it.

        Raises WireError for what JSON in UTF-8 cannot say.
        """
        if self._json is None:
            object.__setattr__(self, "_json", json_dump(self.to_payload()))
        return self._json  # type: ignore[return-value] # set above

    def _optional_limits(self) -> dict[str, int]:
        limits = {"machines": self.machines, "collectors": self.collectors}
        present = {name: value for name, value in limits.items() if value}
        if self.quantity != 1:
            present["quantity"] = self.quantity
        return present

    @classmethod
    def from_payload(cls, payload: object) -> Claims:
        """Claims from a token's members; unknown members are ignored (RFC 7519, section 4).

        Raises ClaimsError, with ``<claim>_missing``, ``<claim>_not_integer``, ``<claim>_out_of_range``,
        ``<claim>_negative``, ``<claim>_not_text``, ``exp_before_nbf``, ``kind_unknown``,
        ``edition_unknown``, ``ver_unsupported``, ``fp_not_sha256``, ``online_invalid``, ``ent_<reason>``,
        ``perpetual_invalid`` or ``perpetual_with_exp``.
        """
        if not isinstance(payload, Mapping):
            raise ClaimsError("payload_not_object", "payload")
        if not payload.keys() >= _REQUIRED:
            name = min(_REQUIRED - payload.keys())
            raise ClaimsError(f"{name}_missing", name)
        get = payload.get
        url, prefer = _online(payload["online"]) if "online" in payload else (None, False)
        return cls(
            issuer=payload["iss"],
            subject=payload["sub"],
            audience=payload["aud"],
            license_id=payload["lic"],
            jti=payload["jti"],
            issued_at=payload["iat"],
            not_before=payload["nbf"],
            expires_at=_expiry(payload),
            kind=_kind(payload["kind"]),
            edition=_edition(payload["edition"]),
            plan=payload["plan"],
            seats=payload["seats"],
            nodes=payload["nodes"],
            machines=get("machines", 0),
            collectors=get("collectors", 0),
            quantity=get("quantity", 1),
            entitlements=payload["ent"],
            warn_days=payload["warn"],
            grace_days=payload["grace"],
            fingerprint_sha256=_present(payload, "fp"),
            online_url=url,
            prefer_online=prefer,
            version=payload["ver"],
        )


def _refuse_text(value: object, claim: str) -> None:
    if type(value) is not str:
        raise ClaimsError(f"{claim}_not_text", claim)
    if value:
        raise ClaimsError(f"{claim}_out_of_range", claim, f"claim {claim!r} is too long or not printable")
    # A license may be cut without a plan; everything else has a name.
    if claim != "plan":
        raise ClaimsError(f"{claim}_empty", claim)


def _refuse_integer(value: object, claim: str) -> None:
    if type(value) is not int:
        raise ClaimsError(f"{claim}_not_integer", claim)
    raise ClaimsError(f"{claim}_negative" if value < 0 else f"{claim}_out_of_range", claim)


def _check_expiry(value: object, not_before: int) -> None:
    if type(value) is not int or not 1 <= value <= MAX_EPOCH:
        _refuse_integer(value, "exp")
    elif value <= not_before:
        raise ClaimsError("exp_before_nbf", "exp", "the license ends before it starts")


def _check_fingerprint(value: object) -> None:
    if not isinstance(value, str) or _FINGERPRINT.fullmatch(value) is None:
        raise ClaimsError("fp_not_sha256", "fp")


def _check_online(url: object, prefer: object) -> None:
    if url is not None and not is_web_address(url):
        raise ClaimsError("online_invalid", "online", "claim 'online': 'url' is an http or https address")
    if not isinstance(prefer, bool):
        raise ClaimsError("online_invalid", "online", "claim 'online': 'prefer' is true or false")


def is_web_address(url: object) -> bool:
    """Is this the text of an http or https address, of bounded length and plain characters?"""
    if not isinstance(url, str) or len(url) > MAX_URL or not url.isascii() or not url.isprintable():
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and " " not in url


def _entitlements(raw: object) -> dict[str, Entitlement]:
    try:
        return parse(raw)
    except EntitlementError as error:
        raise ClaimsError(f"ent_{error.reason}", "ent", error.detail) from error


def _online(raw: object) -> tuple[Any, Any]:
    if not isinstance(raw, Mapping) or not raw.keys() <= {"prefer", "url"}:
        raise ClaimsError("online_invalid", "online")
    return raw.get("url"), raw.get("prefer", False)


def _expiry(payload: Mapping[str, Any]) -> Any:
    """``exp`` as it stands, None when perpetual: absence alone never makes a license perpetual."""
    perpetual = payload.get("perpetual", False)
    if not isinstance(perpetual, bool):
        raise ClaimsError("perpetual_invalid", "perpetual")
    if perpetual:
        if "exp" in payload:
            raise ClaimsError("perpetual_with_exp", "perpetual")
        return None
    return _present(payload, "exp", required=True)


def _present(payload: Mapping[str, Any], name: str, *, required: bool = False) -> Any:
    """A member that must not be null when it is there."""
    if name not in payload:
        if required:
            raise ClaimsError(f"{name}_missing", name)
        return None
    value = payload[name]
    if value is None:
        raise ClaimsError("fp_not_sha256" if name == "fp" else f"{name}_not_integer", name)
    return value


def _kind(value: object) -> Kind:
    kind = _KINDS.get(value) if isinstance(value, str) else None
    if kind is None:
        raise ClaimsError("kind_unknown", "kind")
    return kind


def _edition(value: object) -> Edition:
    edition = _EDITIONS.get(value) if isinstance(value, str) else None
    if edition is None:
        raise ClaimsError("edition_unknown", "edition")
    return edition
