"""An RSA key that signs, without the time that making one takes."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from config.kit.clock import now


@pytest.fixture(scope="session")
def rsa_pem():
    """Made once a session."""
    private_key = rsa.generate_private_key(65537, 3072)
    return private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.fixture
def rsa_key(db, rsa_pem):
    """The shared RSA key, active."""
    from licenses.services.keys import key_activate, key_import

    key = key_import(pem=rsa_pem, actor="system:test", at=now())
    return key_activate(key=key, actor="system:test", at=now())
