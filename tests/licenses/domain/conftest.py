"""The standing cast of the domain's tests: an RSA office, an Ed25519 office, and a license."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from licenses.domain.claims import Claims
from licenses.domain.enums import Edition, Kind
from licenses.domain.keys import KeySet
from licenses.domain.lic1 import Lic1Fields
from licenses.domain.signer import Signer

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = 86_400


@pytest.fixture(scope="session")
def start() -> datetime:
    return START


@pytest.fixture(scope="session")
def rsa_key() -> RSAPrivateKey:
    return generate_private_key(65537, 3072)


@pytest.fixture(scope="session")
def ed_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


@pytest.fixture(scope="session")
def rsa_signer(rsa_key) -> Signer:
    return Signer.of(rsa_key)


@pytest.fixture(scope="session")
def ed_signer(ed_key) -> Signer:
    return Signer.of(ed_key)


@pytest.fixture(scope="session")
def keys(rsa_signer, ed_signer) -> KeySet:
    return KeySet([rsa_signer.verification_key(), ed_signer.verification_key()])


@pytest.fixture(scope="session")
def make_claims() -> Callable[..., Claims]:
    """Claims of a 40-day license from START, with some of them changed."""
    base = Claims(
        issuer="https://licenses.example.com",
        subject="C-OFRXGZ3MMVXQ2ABC",
        audience="demo",
        license_id="L-AGGPIZRYPJ5TVYKCK2FVOJQJZE",
        jti="01985f6a7c3e7b1c9d20aa51e0b4c6f2",
        issued_at=int(START.timestamp()),
        not_before=int(START.timestamp()),
        expires_at=int(START.timestamp()) + 40 * DAY,
        kind=Kind.COMMERCIAL,
        edition=Edition.ENTERPRISE,
        plan="enterprise",
        seats=25,
        nodes=4,
        entitlements={"sso": True, "projects": 12},
        warn_days=30,
        grace_days=14,
    )

    def make(**changes: Any) -> Claims:
        return replace(base, **changes)

    return make


@pytest.fixture(scope="session")
def make_fields() -> Callable[..., Lic1Fields]:
    base = Lic1Fields(
        product_uid=UUID("0198f000-0000-7000-8000-000000000001"),
        license_uid=UUID("0198f000-0000-7000-8000-000000000002"),
        issued_at=int(START.timestamp()),
        expires_at=int(START.timestamp()) + 40 * DAY,
        entitlements=("sso", "audit"),
    )

    def make(**changes: Any) -> Lic1Fields:
        return replace(base, **changes)

    return make
