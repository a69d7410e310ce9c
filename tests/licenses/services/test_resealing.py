from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from config.kit.sealing import SealingKeyMissing
from history.services import checkpoint_key_ensure
from licenses.models import Issuance
from licenses.services import resealing
from licenses.services.artifacts import artifact_text
from licenses.services.issuing import license_issue
from licenses.services.resealing import artifacts_reseal, sealed_reseal
from licenses.signers import forget_signers


def test_key_encryption_keys_are_rotated(granted, settings, at):
    """Several keys, for rotation: after resealing, the old one may go and everything still opens."""
    checkpoint_key_ensure(actor="cli:test", at=at)
    old, new = settings.KEY_ENCRYPTION_KEYS, [Fernet.generate_key().decode()]
    settings.KEY_ENCRYPTION_KEYS = new + old
    done = sealed_reseal()
    assert (done.signing_keys, done.checkpoint_keys, done.artifacts) == (2, 1, 1)
    settings.KEY_ENCRYPTION_KEYS = new
    forget_signers()
    entry = Issuance.objects.get()
    assert artifact_text(issuance=entry, actor="user:1", at=at) == granted.issued.text
    assert license_issue(license=granted.license, channel="cli", actor="cli:test", at=at).text


def test_resealing_with_a_foreign_key_is_a_refusal(granted, settings):
    """Nothing is lost: the old key still opens what is stored."""
    old = settings.KEY_ENCRYPTION_KEYS
    settings.KEY_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(SealingKeyMissing):
        sealed_reseal()
    settings.KEY_ENCRYPTION_KEYS = old
    assert sealed_reseal().artifacts == 1


def test_texts_are_resealed_in_batches(make_license, issue, monkeypatch):
    monkeypatch.setattr(resealing, "BATCH", 2)
    row = make_license()
    for persist in (True, False, True, True):
        issue(row, persist=persist)
    assert artifacts_reseal() == 3
