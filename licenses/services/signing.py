"""Signing a snapshot of a license: the lock it is read under, the key that signs, and what history says of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, models
from django.db.models import Q, Subquery

from config.kit.ids import short, uuid7
from config.kit.locks import locked
from config.kit.sealing import seal
from config.kit.statements import Select, SelectRows, insert
from history.services import record
from licenses.claims import COLUMNS, ToSign, claims_of
from licenses.domain import formats
from licenses.domain.claims import Claims
from licenses.domain.enums import Algorithm, Format, KeyState, LicenseStatus
from licenses.domain.errors import DomainError
from licenses.domain.signer import Signer
from licenses.errors import (
    ChangedMeanwhile,
    FormatUnsuitable,
    LegacyLicense,
    LicenseExpired,
    LicenseRevoked,
    LicenseSuspended,
    NoSigningKey,
)
from licenses.models import Issuance, License, SigningKey
from licenses.postures import license_ended
from licenses.selectors import key_slot
from licenses.signers import signer_of

K = TypeVar("K")

SIGNED_WITH = {Format.LIC1: Algorithm.EDDSA, Format.ENVELOPE: Algorithm.RS256}


@dataclass(frozen=True, slots=True)
class Issued:
    """A committed issuance and the text that was signed."""

    issuance: Issuance
    text: str


class KeyToSign(NamedTuple):
    """An active key, with the issuance that the next one of the license supersedes."""

    id: int
    kid: str
    algorithm: str
    slot: str
    product_id: int | None
    latest_id: int | None

    def instance(self) -> SigningKey:
        """The key's row; what is not read here is loaded when it is asked for."""
        return SigningKey.from_db(DEFAULT_DB_ALIAS, self._fields[:-1], self[:-1])


KeysBySlot: TypeAlias = dict[str, KeyToSign]


def license_lock(license: License) -> License:  # noqa: A002 - the word of the vocabulary
    """Lock and re-read a license with its account and product. Call inside a transaction."""
    return _LOCK.rows(pk=license.pk)[0]


def lock_to_change(license: License) -> tuple[License, KeysBySlot]:  # noqa: A002 - the word of the vocabulary
    """Lock and re-read a license, and read the keys that may sign it. Call inside a transaction."""
    return license_lock(license), _by_slot(_KEYS.rows(license_pk=license.pk))


def lock_to_sign(license: License) -> tuple[ToSign, KeysBySlot]:  # noqa: A002 - the word of the vocabulary
    """As `lock_to_change`, of the license only what signing reads."""
    lock, keys = _LOCK_TO_SIGN.start(pk=license.pk), _KEYS.start(license_pk=license.pk)
    return ToSign(*lock()[0]), _by_slot(keys())


def _by_slot(rows: Iterable[tuple[Any, ...]]) -> KeysBySlot:
    return {key.slot: key for key in (KeyToSign(*row) for row in rows)}


_LOCK = Select(lambda pk: locked(License.objects.select_related("account", "product").filter(pk=pk)), pk=-1)
_LOCK_TO_SIGN = SelectRows(lambda pk: locked(License.objects.filter(pk=pk).values_list(*COLUMNS)), pk=-1)


def _keys_of(license_pk: int) -> models.QuerySet[SigningKey, Any]:
    """The keys that may sign, each with the issuance that the next one supersedes.

    A statement of its own, behind the lock's: PostgreSQL shows a statement that waits for a lock the
    other tables as they were before the wait, and two issuances would supersede the same one.
    """
    latest = Issuance.objects.filter(license_id=license_pk).order_by("-id").values("pk")[:1]
    keys = SigningKey.objects.filter(state=KeyState.ACTIVE).annotate(latest_id=Subquery(latest))
    of_license = License.objects.filter(pk=license_pk).values("product")[:1]
    of_product = Q(product=None) | Q(product=Subquery(of_license))
    return keys.filter(of_product).order_by("pk").values_list(*KeyToSign.__annotations__)


_KEYS = SelectRows(_keys_of, license_pk=-1)


def key_for(row: ToSign, wanted: Format, keys: Mapping[str, K]) -> K:
    """The active key that signs, of those by slot: the product's own before the shared one.

    LIC1 and envelope leave no choice of algorithm, a JWT follows its product. Raises NoSigningKey (503).
    """
    algorithm = SIGNED_WITH.get(wanted, row.product__algorithm)
    key = keys.get(key_slot(row.product_id, algorithm)) or keys.get(key_slot(None, algorithm))
    if key is None:
        raise NoSigningKey(f"No active {algorithm} key signs for {row.product__name}.")
    return key


def license_sign(
    license: License,  # noqa: A002 - the word of the vocabulary
    row: ToSign,
    keys: KeysBySlot,
    *,
    format: Format | None,  # noqa: A002 - the word of the vocabulary
    persist: bool | None,
    cause: str,
    channel: str,
    actor: str,
    at: datetime,
) -> Issued:
    """Sign a locked license and append the issuance; the caller writes the event of the whole change."""
    refuse_unless_issuable(row, at)
    wanted = Format(format or row.product__default_format)
    key = key_for(row, wanted, keys)
    signing_key = key.instance()
    jti = uuid7()
    claims = claims_of(row, jti=jti, at=at)
    text = encode_claims(row, wanted, claims, signer_of(signing_key))
    sealed = text.encode()
    keep = settings.KEEP_ARTIFACTS if persist is None else persist
    issuance = Issuance(
        license=license,
        jti=jti,
        format=wanted,
        signing_key=signing_key,
        text_sha256=hashlib.sha256(sealed).hexdigest(),
        claims=claims.to_payload(),
        issued_at=at,
        expires_at=row.expires_at,
        actor=actor,
        channel=channel,
        cause=cause,
        supersedes_id=key.latest_id,
        artifact=seal(sealed) if keep else None,
    )
    insert(issuance)
    return Issued(issuance, text)


def encode_claims(row: ToSign, wanted: Format, claims: Claims, signer: Signer) -> str:
    """The signed text of a license's claims. Raises FormatUnsuitable."""
    try:
        return formats.encode(
            wanted, claims, signer=signer, product_uid=row.product__uid, license_uid=row.uid
        )
    except DomainError as error:
        raise FormatUnsuitable(f"As {wanted}: {error.detail}.", reason=error.reason) from error


def refuse_unless_issuable(row: ToSign, at: datetime) -> None:
    """A27, C25, D1: say why a license is not signed."""
    if row.is_legacy:
        raise LegacyLicense
    if row.status == LicenseStatus.REVOKED:
        raise LicenseRevoked
    if row.status == LicenseStatus.SUSPENDED:
        raise LicenseSuspended
    if license_ended(row, at):
        raise LicenseExpired


def refuse_unless_newest(keys: KeysBySlot, seen: int | None) -> None:
    """`seen` is the newest issuance that whoever asks had before them, 0 for none; None asks nothing.

    Raises ChangedMeanwhile: somebody was faster, or pressed twice.
    """
    newest = next((key.latest_id for key in keys.values()), seen)
    if seen is not None and (newest or 0) != seen:
        raise ChangedMeanwhile(
            "A newer key was signed meanwhile, by renewing, issuing or changing terms. "
            "Look at the license again: nothing was changed now."
        )


def issuance_data(issuance: Issuance) -> dict[str, Any]:
    """What history says of an issuance."""
    return issuance_facts(
        jti=issuance.jti,
        format=issuance.format,
        kid=issuance.signing_key.kid,
        sha256=issuance.text_sha256,
        cause=issuance.cause,
        channel=issuance.channel,
        expires_at=issuance.expires_at,
    )


def issuance_facts(
    *,
    jti: UUID,
    format: str,  # noqa: A002 - the word of the vocabulary
    kid: str,
    sha256: str,
    cause: str,
    channel: str,
    expires_at: datetime | None,
) -> dict[str, Any]:
    """What history says of an issuance: ids, states and hashes, never the text."""
    return {
        "jti": short(jti),
        "format": str(format),
        "kid": kid,
        "sha256": sha256,
        "cause": str(cause),
        "channel": str(channel),
        "expires_at": expires_at.isoformat() if expires_at else None,
    }


def record_license(kind: str, row: License, *, actor: str, at: datetime, data: dict[str, Any]) -> None:
    """Write one event about a license."""
    record(
        kind=kind,
        subject=f"license:{row.public_id}",
        account=row.account.customer_id,
        actor=actor,
        data=data,
        at=at,
    )
