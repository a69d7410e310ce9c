"""Signing keys: staged (published) → active → retired (still verifies) → revoked."""

from __future__ import annotations

from datetime import datetime, timedelta

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import IntegrityError, transaction

from config.kit.enqueue import enqueue
from config.kit.errors import FieldError, Invalid
from config.kit.locks import locked
from config.kit.sealing import reseal, seal, unseal
from history.services import record
from licenses import selectors
from licenses.domain.enums import Algorithm, KeyState
from licenses.domain.keys import KeyMaterialError, PrivateKey, algorithm_of, kid_of, load_private_pem
from licenses.errors import KeyExists, KeyInUse, KeyStateWrong, KeyTooYoung
from licenses.models import Issuance, Product, SigningKey
from licenses.signers import signer_of

RSA_BITS = 3072


def key_generate(
    *, algorithm: Algorithm, product: Product | None = None, actor: str, at: datetime, bits: int = RSA_BITS
) -> SigningKey:
    """Make a key pair and stage it: published in the JWKS, not signing yet. `bits` is for RSA, 3072 or more."""
    private_key: PrivateKey
    if algorithm is Algorithm.RS256:
        if bits < RSA_BITS:
            raise Invalid([FieldError("bits", "weak_key", f"RSA keys have {RSA_BITS} bits or more.")])
        private_key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    else:
        private_key = Ed25519PrivateKey.generate()
    return _stage(private_key, product=product, origin="generated", actor=actor, at=at)


def key_import(
    *,
    pem: bytes | str,
    password: bytes | None = None,
    product: Product | None = None,
    actor: str,
    at: datetime,
) -> SigningKey:
    """Stage an existing private key from PEM (E6). Raises Invalid for weak or foreign keys, KeyExists."""
    try:
        private_key = load_private_pem(pem, password=password)
        algorithm_of(private_key)
    except KeyMaterialError as error:
        raise Invalid([FieldError("pem", error.reason, error.detail)]) from error
    return _stage(private_key, product=product, origin="imported", actor=actor, at=at)


def _stage(
    private_key: PrivateKey, *, product: Product | None, origin: str, actor: str, at: datetime
) -> SigningKey:
    _demand_same_sealing()
    public_key = private_key.public_key()
    pem = private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    key = SigningKey(
        kid=kid_of(public_key),
        algorithm=algorithm_of(private_key).value,
        product=product,
        public_pem=public_key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ).decode(),
        private_sealed=seal(pem),
        origin=origin,
        staged_at=at,
    )
    try:
        with transaction.atomic():
            key.save(force_insert=True)
            _record("key.imported" if origin == "imported" else "key.staged", key, actor, at)
    except IntegrityError as error:
        raise KeyExists(f"The key {key.kid} is already known.", kid=key.kid) from error
    return key


def _demand_same_sealing() -> None:
    """Refuse (SealingKeyMissing, 503) to seal a new key under another key-encryption key than the old ones."""
    known = SigningKey.objects.exclude(private_sealed=None).order_by("-pk").first()
    if known is not None:
        unseal(bytes(known.private_sealed or b""))


def key_activate(*, key: SigningKey, actor: str, at: datetime, force: bool = False) -> SigningKey:
    """Let a staged key sign. The key that signed in its place until now is retired and goes on verifying.

    Raises KeyTooYoung while deployments may still hold a JWKS without the key (`force` overrides it; where
    nothing was signed before, there is no wait), KeyStateWrong when it is not staged, SealingKeyMissing
    (503) when its private half cannot be opened.
    """
    with transaction.atomic():
        slot = selectors.key_slot(key.product_id, key.algorithm)
        # One order of locks for every rotation: all keys of the place, by id.
        keys = {
            k.pk: k
            for k in locked(SigningKey.objects.filter(product=key.product, algorithm=key.algorithm)).order_by(
                "pk"
            )
        }
        key = keys[key.pk]
        _demand(key, KeyState.STAGED)
        before = next((k for k in keys.values() if k.state == KeyState.ACTIVE), None)
        if not force and _succeeds(key):
            _demand_published(key, at)
        signer_of(key)  # a key that cannot be opened here must not take the place of one that can
        if before is not None:
            before.state, before.slot, before.retired_at = KeyState.RETIRED, None, at
            before.save(update_fields=["state", "slot", "retired_at"])
        key.state, key.slot, key.activated_at = KeyState.ACTIVE, slot, at
        key.save(update_fields=["state", "slot", "activated_at"])
        data = {"replaces": before.kid} if before else {}
        _record("key.rotated" if before else "key.activated", key, actor, at, **data)
    return key


def key_rotate(
    *, algorithm: Algorithm, product: Product | None = None, actor: str, at: datetime, force: bool = False
) -> SigningKey:
    """Go one step of a rotation: stage a successor, or activate the staged one when its time has come.

    Safe to repeat, also at once: a staged successor is never doubled. With `force`, both steps at once.
    """
    with transaction.atomic():
        place = SigningKey.objects.filter(product=product, algorithm=algorithm)
        # Who waits here reads below, in a statement of its own, what the one before has staged.
        list(locked(place).only("pk").order_by("pk"))
        waiting = place.filter(state=KeyState.STAGED).order_by("staged_at", "pk").first()
        key = waiting or key_generate(algorithm=algorithm, product=product, actor=actor, at=at)
    if force or not _succeeds(key) or _published(key, at):
        return key_activate(key=key, actor=actor, at=at, force=force)
    if waiting:
        _demand_published(key, at)
    return key


def key_retire(*, key: SigningKey, actor: str, at: datetime, force: bool = False) -> SigningKey:
    """Stop signing with a key; it still verifies. Raises KeyInUse for an active key with live licenses.

    `force` retires it all the same, which leaves its place without a signing key.
    """
    with transaction.atomic():
        key = locked(SigningKey.objects.filter(pk=key.pk)).get()
        _demand(key, KeyState.STAGED, KeyState.ACTIVE)
        live = selectors.live_licenses_of_key(key).count()
        if live and not force:
            raise KeyInUse(f"{live} live licenses are signed with key {key.kid}; rotate instead.", live=live)
        key.state, key.slot, key.retired_at = KeyState.RETIRED, None, at
        key.save(update_fields=["state", "slot", "retired_at"])
        _record("key.retired", key, actor, at)
    return key


def key_revoke(
    *, key: SigningKey, reason: str, actor: str, at: datetime, force: bool = False, reissue: bool = False
) -> SigningKey:
    """Refuse a key from now on: it leaves the JWKS and online validation says `key_revoked`.

    Raises KeyInUse with the number of affected licenses unless `force`. `reissue` queues the re-issue of
    all of them, which resumes where it stopped (`licenses.reissue_revoked`).
    """
    with transaction.atomic():
        key = locked(SigningKey.objects.filter(pk=key.pk)).get()
        if key.state == KeyState.REVOKED:
            raise KeyStateWrong(f"Key {key.kid} was revoked before.")
        live = selectors.live_licenses_of_key(key).count()
        if live and not force:
            raise KeyInUse(f"{live} live licenses are signed with key {key.kid}.", live=live)
        key.state, key.slot, key.revoked_at, key.revoked_reason = KeyState.REVOKED, None, at, reason
        key.replace = reissue
        key.save(update_fields=["state", "slot", "revoked_at", "revoked_reason", "replace"])
        _record("key.revoked", key, actor, at, affected=live)
        if reissue:
            enqueue("licenses.reissue_revoked", key.kid)
    return key


def keys_reseal() -> int:
    """Encrypt every private key again under the first key-encryption key; return how many."""
    count = 0
    for key in SigningKey.objects.exclude(private_sealed=None).order_by("pk"):
        with transaction.atomic():
            row = locked(SigningKey.objects.filter(pk=key.pk)).get()
            row.private_sealed = reseal(bytes(row.private_sealed or b""))
            row.save(update_fields=["private_sealed"])
        count += 1
    return count


def _succeeds(key: SigningKey) -> bool:
    """Whether another key signs where this one would: that of its place, or the shared one before the first.

    A product's deployments hold a JWKS as soon as anything was issued for it.
    """
    own, shared = (selectors.key_slot(product, key.algorithm) for product in (key.product_id, None))
    taken = set(SigningKey.objects.filter(slot__in=(own, shared)).values_list("slot", flat=True))
    if own in taken:
        return True
    return shared in taken and Issuance.objects.filter(license__product=key.product_id).exists()


def _published(key: SigningKey, at: datetime) -> bool:
    return at >= key.staged_at + timedelta(seconds=settings.KEY_PUBLISH_AHEAD_SECONDS)


def _demand_published(key: SigningKey, at: datetime) -> None:
    if not _published(key, at):
        ready_at = key.staged_at + timedelta(seconds=settings.KEY_PUBLISH_AHEAD_SECONDS)
        raise KeyTooYoung(
            f"Key {key.kid} is staged until {ready_at:%Y-%m-%d %H:%M} UTC, so that every deployment has fetched it.",
            ready_at=ready_at.isoformat(),
        )


def _demand(key: SigningKey, *states: KeyState) -> None:
    if key.state not in states:
        raise KeyStateWrong(f"Key {key.kid} is {key.state}.", state=str(key.state))


def _record(kind: str, key: SigningKey, actor: str, at: datetime, **data: object) -> None:
    product = key.product.product_key if key.product else None
    record(
        kind=kind,
        subject=f"key:{key.kid}",
        actor=actor,
        data={"algorithm": key.algorithm, "product": product, "state": str(key.state), **data},
        at=at,
    )
