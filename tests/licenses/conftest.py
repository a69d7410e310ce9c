"""The license office of the tests: a product, its three plans, and an RSA and an Ed25519 key that sign."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

ACTOR = "cli:test"


def pem_of(private_key: Any) -> bytes:
    return private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.fixture(scope="session")
def rsa_pem() -> bytes:
    """An RSA-3072 key, made once a session: that takes a while."""
    return pem_of(generate_private_key(65537, 3072))


@pytest.fixture(scope="session")
def other_rsa_pem() -> bytes:
    """The key of another office, or the next one of ours."""
    return pem_of(generate_private_key(65537, 3072))


@pytest.fixture(scope="session")
def ed_pem() -> bytes:
    return pem_of(Ed25519PrivateKey.generate())


@pytest.fixture(autouse=True)
def nothing_is_remembered() -> Iterator[None]:
    """Signers and verified texts are kept for the life of a process, and each test is another office."""
    from licenses import signers, validation

    signers.forget_signers()
    validation.forget()
    yield
    signers.forget_signers()
    validation.forget()


@pytest.fixture
def product(db, at):
    """The product `demo`: free entitlements, no key of its own."""
    from licenses.services.catalogue import product_create

    return product_create(product_key="demo", name="Demo", actor=ACTOR, at=at)


@pytest.fixture
def make_plan(product, at) -> Callable[..., Any]:
    """Return a maker of plans of `demo`: `make_plan("pro", seats=5)`."""
    from licenses.services.catalogue import plan_create

    def make(slug: str, **fields: Any):
        return plan_create(product=product, slug=slug, name=slug.title(), actor=ACTOR, at=at, **fields)

    return make


@pytest.fixture
def enterprise(make_plan):
    """A year, 25 seats, 4 nodes."""
    return make_plan("enterprise", seats=25, nodes=4, entitlements={"sso": True, "audit": True})


@pytest.fixture
def trial(make_plan):
    """The default trial (A22): 30 days, 10 seats, 1 node, 3 days of grace."""
    return make_plan("trial", kind="trial", duration_days=30, seats=10, nodes=1, grace_days=3)


@pytest.fixture
def community(make_plan):
    """Perpetual, no limits."""
    return make_plan("community", edition="community", duration_days=0)


@pytest.fixture
def import_key(db, at) -> Callable[..., Any]:
    """Return a maker of active keys, as the services leave them: `import_key(pem, product=None)`.

    Without `key_import`, whose check of the primes takes a quarter of a second a test.
    """
    from config.kit.sealing import seal
    from licenses.domain.keys import load_private_pem
    from licenses.domain.signer import Signer
    from licenses.models import SigningKey
    from licenses.selectors import key_slot

    def make(pem: bytes, *, product: Any = None):
        signer = Signer.of(load_private_pem(pem, trusted=True))
        return SigningKey.objects.create(
            kid=signer.kid,
            algorithm=signer.algorithm.value,
            product=product,
            state="active",
            slot=key_slot(product.pk if product else None, signer.algorithm.value),
            public_pem=signer.public_key.public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            ).decode(),
            private_sealed=seal(pem),
            staged_at=at - timedelta(days=1),
            activated_at=at,
        )

    return make


@pytest.fixture
def rsa_key(import_key, rsa_pem):
    """The shared RSA key, active."""
    return import_key(rsa_pem)


@pytest.fixture
def ed_key(import_key, ed_pem):
    """The shared Ed25519 key, active."""
    return import_key(ed_pem)


@pytest.fixture
def signing(rsa_key, ed_key) -> None:
    """Both shared keys sign."""


@pytest.fixture
def make_license(customer, enterprise, at) -> Callable[..., Any]:
    """Return a maker of license rows, not signed: `make_license(seats=5)`, `make_license(trial)`."""
    from licenses.services.issuing import license_create

    def make(
        plan: Any = None, *, account: Any = None, kind: Any = None, internal: bool = False, **terms: Any
    ):
        return license_create(
            account=account or customer,
            plan=plan or enterprise,
            terms=terms,
            kind=kind,
            internal=internal,
            origin="staff",
            actor=ACTOR,
            at=at,
        )

    return make


@pytest.fixture
def issue(signing, at) -> Callable[..., Any]:
    """Return a signer of licenses: `issue(license, format="lic1")` gives the Issued."""
    from licenses.services.issuing import license_issue

    def make(license_: Any, **options: Any):
        return license_issue(license=license_, **{"channel": "cli", "actor": ACTOR, "at": at, **options})

    return make


@pytest.fixture
def granted(make_license, issue):
    """A license with its first issuance: `.license`, `.issued`."""
    from licenses.services.issuing import Granted

    row = make_license()
    return Granted(row, issue(row))


@pytest.fixture
def keys_known(signing):
    """The key set as a deployment reads it from the JWKS."""
    from licenses import selectors
    from licenses.domain.keys import KeySet

    return KeySet.from_jwks(selectors.jwks())


@pytest.fixture
def verified(keys_known, at) -> Callable[..., Any]:
    """Return the offline verifier: `verified(text)` at the fixed instant."""
    from licenses.domain.verification import verify

    def check(text: Any, **options: Any):
        return verify(text, keys_known, **{"now": at, "issuer": "signet", "audience": "demo", **options})

    return check
