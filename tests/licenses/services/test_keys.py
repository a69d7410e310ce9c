from __future__ import annotations

from datetime import timedelta

import jwt
import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import IntegrityError, transaction

from config.kit.errors import Invalid
from config.kit.sealing import SealingKeyMissing
from history.models import Event
from licenses import selectors
from licenses.domain.enums import Algorithm
from licenses.domain.verification import verify
from licenses.errors import KeyExists, KeyInUse, KeyStateWrong, KeyTooYoung
from licenses.models import SigningKey
from licenses.services.keys import (
    key_activate,
    key_generate,
    key_import,
    key_retire,
    key_revoke,
    key_rotate,
)
from licenses.signers import forget_signers

BY = {"actor": "cli:test"}
ED = Algorithm.EDDSA
AHEAD = timedelta(seconds=3600)


def pem_of(private_key, password: bytes | None = None) -> bytes:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )


def published() -> list[str]:
    return [key["kid"] for key in selectors.jwks()["keys"]]


@pytest.fixture
def active(db, at):
    """An Ed25519 key that signs."""
    return key_activate(key=key_generate(algorithm=ED, **BY, at=at), **BY, at=at)


@pytest.fixture
def ed_product(product, at):
    """The product signs with Ed25519, which is quick to generate."""
    from licenses.services.catalogue import product_update

    return product_update(product=product, algorithm="EdDSA", **BY, at=at)


@pytest.fixture
def signed(active, ed_product, make_license, at):
    """A live license under the active key: its text."""
    from licenses.services.issuing import license_issue

    row = make_license()
    row.product = ed_product
    return license_issue(license=row, channel="cli", **BY, at=at).text


def holds(text: str, at) -> bool:
    return verify(text, selectors.key_set(), now=at, issuer="signet", audience="demo").ok


@pytest.mark.django_db
def test_a_generated_key_is_staged_and_published(at):
    """Publish-ahead: in the JWKS before it signs anything."""
    key = key_generate(algorithm=ED, **BY, at=at)
    assert (key.state, key.slot, published()) == ("staged", None, [key.kid])
    assert Event.objects.get(kind="key.staged").subject == f"key:{key.kid}"


@pytest.mark.django_db
def test_a_generated_rsa_key_has_3072_bits(at):
    """D19: and a weaker one is refused."""
    key = key_generate(algorithm=Algorithm.RS256, **BY, at=at)
    public = serialization.load_pem_public_key(key.public_pem.encode())
    assert (public.key_size, len(key.kid)) == (3072, 16)
    with pytest.raises(Invalid):
        key_generate(algorithm=Algorithm.RS256, bits=2048, **BY, at=at)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: rsa.generate_private_key(65537, 2048), "key_too_weak"),
        (lambda: ec.generate_private_key(ec.SECP256R1()), "kty_not_supported"),
    ],
)
def test_weak_and_foreign_keys_are_not_imported(at, make, code):
    """D19."""
    with pytest.raises(Invalid) as refused:
        key_import(pem=pem_of(make()), **BY, at=at)
    assert (refused.value.errors[0].code, SigningKey.objects.count()) == (code, 0)


@pytest.mark.django_db
def test_an_existing_key_is_imported(ed_pem, at):
    """E6: PEM in, staged; the second time it is known."""
    key = key_import(pem=ed_pem, **BY, at=at)
    assert (key.origin, key.state, key.algorithm) == ("imported", "staged", "EdDSA")
    assert Event.objects.filter(kind="key.imported").count() == 1
    with pytest.raises(KeyExists), transaction.atomic():
        key_import(pem=ed_pem, **BY, at=at)


@pytest.mark.django_db
def test_a_pem_with_a_password_needs_it(at):
    pem = pem_of(Ed25519PrivateKey.generate(), b"open sesame")
    for wrong in (None, b"sesame"):
        with pytest.raises(Invalid):
            key_import(pem=pem, password=wrong, **BY, at=at)
    assert key_import(pem=pem, password=b"open sesame", **BY, at=at).state == "staged"


@pytest.mark.django_db
def test_private_keys_are_sealed(ed_pem, at):
    """Trust: encrypted at rest; neither PEM nor raw bytes stand in the row or the history."""
    key = key_import(pem=ed_pem, **BY, at=at)
    raw = serialization.load_pem_private_key(ed_pem, None).private_bytes_raw()
    stored = bytes(key.private_sealed)
    assert raw not in stored
    assert b"PRIVATE KEY" not in stored
    assert "PRIVATE" not in str(list(Event.objects.values()))


@pytest.mark.django_db
def test_the_first_key_of_a_place_need_not_wait(at):
    """Nobody holds a JWKS yet."""
    key = key_activate(key=key_generate(algorithm=ED, **BY, at=at), **BY, at=at)
    assert (key.state, key.slot, key.activated_at) == ("active", "shared:EdDSA", at)
    assert Event.objects.filter(kind="key.activated").count() == 1


def test_the_first_own_key_of_a_product_in_use_waits(signed, ed_product, at):
    """Rotation: deployments of the product trust the shared key, and have not fetched the own one yet."""
    staged = key_rotate(algorithm=ED, product=ed_product, **BY, at=at)
    assert staged.state == "staged"
    with pytest.raises(KeyTooYoung):
        key_activate(key=staged, **BY, at=at + AHEAD - timedelta(seconds=1))
    assert selectors.active_key(ed_product, ED).product is None
    assert key_rotate(algorithm=ED, product=ed_product, **BY, at=at + AHEAD).state == "active"
    assert selectors.active_key(ed_product, ED).kid == staged.kid


def test_the_first_own_key_of_a_product_in_use_is_hurried_by_force(signed, active, ed_product, at):
    """The shared key signs for others and stays active."""
    assert key_rotate(algorithm=ED, product=ed_product, **BY, at=at, force=True).state == "active"
    active.refresh_from_db()
    assert active.state == "active"


def test_the_own_key_of_a_product_without_licenses_need_not_wait(active, ed_product, at):
    """Nobody runs it yet, so nobody holds a JWKS."""
    assert key_rotate(algorithm=ED, product=ed_product, **BY, at=at).state == "active"


def test_a_successor_waits_until_it_was_published_long_enough(active, at):
    """Rotation: no deployment meets a token whose key it could not have fetched."""
    staged = key_generate(algorithm=ED, **BY, at=at)
    with pytest.raises(KeyTooYoung) as refused:
        key_activate(key=staged, **BY, at=at + AHEAD - timedelta(seconds=1))
    assert refused.value.members["ready_at"] == (at + AHEAD).isoformat()
    key_activate(key=staged, **BY, at=at + AHEAD)
    states = dict(SigningKey.objects.values_list("kid", "state"))
    assert states == {active.kid: "retired", staged.kid: "active"}


def test_the_time_ahead_is_longer_than_caches_keep_the_key_set(settings):
    """Trust: cache headers shorter than the publish-ahead time."""
    assert settings.JWKS_MAX_AGE_SECONDS < settings.KEY_PUBLISH_AHEAD_SECONDS


def test_a_retired_key_still_verifies(signed, active, at):
    """Rotation: what is out holds, and the key stays published."""
    key_rotate(algorithm=ED, **BY, at=at, force=True)
    active.refresh_from_db()
    assert (active.state, holds(signed, at)) == ("retired", True)
    assert active.kid in published()
    assert Event.objects.get(kind="key.rotated").data["replaces"] == active.kid


def test_rotating_goes_one_step_at_a_time(active, at):
    """Safe to repeat: a staged successor is never doubled."""
    staged = key_rotate(algorithm=ED, **BY, at=at)
    with pytest.raises(KeyTooYoung):
        key_rotate(algorithm=ED, **BY, at=at + timedelta(minutes=1))
    assert SigningKey.objects.count() == 2
    assert key_rotate(algorithm=ED, **BY, at=at + AHEAD).kid == staged.kid
    assert SigningKey.objects.get(slot="shared:EdDSA").kid == staged.kid


def test_a_key_that_cannot_be_opened_takes_no_place(active, at):
    """Staged under another key-encryption key: the one that signs goes on signing."""
    staged = key_generate(algorithm=ED, **BY, at=at)
    SigningKey.objects.filter(pk=staged.pk).update(private_sealed=Fernet(Fernet.generate_key()).encrypt(b"-"))
    forget_signers()
    with pytest.raises(SealingKeyMissing):
        key_activate(key=staged, **BY, at=at + AHEAD)
    assert SigningKey.objects.get(slot="shared:EdDSA").kid == active.kid


def test_one_key_signs_for_a_place(active, ed_pem):
    """The table itself refuses a second active key of a place, and an active key without one."""
    for slot in (active.slot, None):
        with pytest.raises(IntegrityError), transaction.atomic():
            SigningKey.objects.create(
                kid="other", algorithm="EdDSA", state="active", slot=slot, public_pem="-", private_sealed=b"-"
            )


def test_only_a_staged_key_becomes_active(active, at):
    with pytest.raises(KeyStateWrong):
        key_activate(key=active, **BY, at=at)


def test_a_key_with_live_licenses_is_not_retired_by_accident(signed, active, at):
    """Rotation: 409 with the number; rotating is the way."""
    with pytest.raises(KeyInUse) as refused:
        key_retire(key=active, **BY, at=at)
    assert (refused.value.code, refused.value.members) == ("key_in_use", {"live": 1})
    assert key_retire(key=active, **BY, at=at, force=True).state == "retired"


@pytest.mark.django_db
def test_an_unused_key_is_retired_without_more(at):
    key = key_generate(algorithm=ED, **BY, at=at)
    assert key_retire(key=key, **BY, at=at).state == "retired"


def test_a_revoked_key_is_refused_and_leaves_the_key_set(signed, active, at):
    """Rotation: revoked is refused online, and no longer published."""
    with pytest.raises(KeyInUse):
        key_revoke(key=active, reason="leaked", **BY, at=at)
    key_revoke(key=active, reason="leaked", **BY, at=at, force=True)
    assert (holds(signed, at), published()) == (False, [])
    event = Event.objects.get(kind="key.revoked")
    assert event.data["affected"] == 1
    with pytest.raises(KeyStateWrong):
        key_revoke(key=active, reason="again", **BY, at=at, force=True)


def test_the_affected_licenses_are_those_whose_newest_snapshot_it_signed(signed, active, at):
    """Rotation: affected licenses listed; what was issued again under the next key is not."""
    from licenses.models import License
    from licenses.services.issuing import license_issue

    assert selectors.live_licenses_of_key(active).count() == 1
    key_rotate(algorithm=ED, **BY, at=at, force=True)
    assert selectors.live_licenses_of_key(active).count() == 1
    license_issue(license=License.objects.get(), channel="cli", **BY, at=at)
    assert selectors.live_licenses_of_key(active).count() == 0


def test_an_ended_license_holds_no_key(signed, active, at):
    """A key need not outlive licenses that nobody can use any more."""
    from licenses.services.posture import posture_sweep

    posture_sweep(at=at + timedelta(days=1000))
    assert key_retire(key=active, **BY, at=at + timedelta(days=1000)).state == "retired"


def test_a_key_pair_is_parsed_once_a_process(signed, at, monkeypatch):
    """Parsing a PEM costs a hundred signatures: the signer is kept."""
    from licenses import signers
    from licenses.models import License
    from licenses.services.issuing import license_issue

    loads = []
    load = signers.load_private_pem
    monkeypatch.setattr(signers, "load_private_pem", lambda *a, **k: loads.append(1) or load(*a, **k))
    signers.forget_signers()
    for _ in range(3):
        license_issue(license=License.objects.get(), channel="cli", **BY, at=at)
    assert len(loads) == 1


def test_threads_parse_it_once_too(rsa_key, monkeypatch):
    from concurrent.futures import ThreadPoolExecutor

    from licenses import signers

    loads = []
    load = signers.load_private_pem
    monkeypatch.setattr(signers, "load_private_pem", lambda *a, **k: loads.append(1) or load(*a, **k))
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: id(signers.signer_of(rsa_key)), range(32)))
    assert (len(loads), len(found)) == (1, 1)


def test_a_private_half_of_another_key_never_signs(rsa_key, ed_pem):
    """A row whose halves do not belong together: 503 instead of a token that nobody can verify."""
    from config.kit.sealing import SealingKeyMissing, seal
    from licenses.signers import signer_of

    rsa_key.private_sealed = seal(ed_pem)
    with pytest.raises(SealingKeyMissing):
        signer_of(rsa_key)


def test_the_token_names_its_key(signed, active):
    assert jwt.get_unverified_header(signed)["kid"] == active.kid
