"""Rotation of the key-encryption keys: mail that was written before still opens."""

from __future__ import annotations

import io
import json

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command

from config.kit.sealing import SealingKeyMissing
from notifications.parts import parts_unseal
from notifications.services import resealing
from notifications.services.resealing import messages_reseal

pytestmark = pytest.mark.django_db


@pytest.fixture
def new_key(settings):
    """A new key stands first, the old one behind it; the return value is the new one alone."""
    new = [Fernet.generate_key().decode()]
    settings.KEY_ENCRYPTION_KEYS = new + settings.KEY_ENCRYPTION_KEYS
    return new


def test_after_resealing_the_old_key_may_go(queue, settings, new_key, monkeypatch):
    monkeypatch.setattr(resealing, "BATCH", 2)
    settings.KEY_ENCRYPTION_KEYS, both = settings.KEY_ENCRYPTION_KEYS[1:], settings.KEY_ENCRYPTION_KEYS
    written = [queue(dedupe_key=f"m{number}") for number in range(5)]
    settings.KEY_ENCRYPTION_KEYS = both
    assert messages_reseal() == 5
    settings.KEY_ENCRYPTION_KEYS = new_key
    for message in written:
        message.refresh_from_db()
        assert "Relay" in parts_unseal(bytes(message.parts)).text


def test_the_command_reseals_mail_with_everything_else(queue, new_key):
    queue()
    out = io.StringIO()
    call_command("keys", "reseal", "--json", stdout=out)
    done = json.loads(out.getvalue())
    assert (done["messages"], done["webhook_secrets"], done["second_factors"]) == (1, 0, 0)


def test_a_key_that_is_lost_is_a_refusal(queue, settings):
    queue()
    settings.KEY_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(SealingKeyMissing):
        messages_reseal()
