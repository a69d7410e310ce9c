"""The signature, checked by the library of Standard Webhooks itself."""

from __future__ import annotations

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from notifications.domain.standard_webhooks import (
    UnfitSecretError,
    headers,
    secret_bytes,
    secret_text,
    signature,
)

NOW = 1_772_443_800
BODY = b'{"type":"license.issued"}'
# from the documentation of Standard Webhooks' reference libraries
KNOWN_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KNOWN_BODY = b'{"test": 2432232314}'
KNOWN_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.fixture(autouse=True)
def _then():
    with time_machine.travel(NOW, tick=False):
        yield


def test_the_signature_is_that_of_the_reference_libraries():
    """C31: the test vector that every library of Standard Webhooks carries."""
    known = signature(
        KNOWN_SECRET, message_id="msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp=1614265330, body=KNOWN_BODY
    )
    assert known == KNOWN_SIGNATURE


@given(st.binary(min_size=24, max_size=64), st.text(max_size=200), st.uuids())
def test_a_foreign_receiver_accepts_what_we_sign(raw, text, uid):
    """C31: whatever the secret, the id and the body."""
    secret, body = secret_text(raw), text.encode("utf-8", "replace")
    sent = headers([secret], message_id=str(uid), timestamp=NOW, body=body)
    Webhook(secret).verify(body, sent, json_parse=False)


@pytest.mark.parametrize(
    ("name", "value"),
    [("webhook-id", "another"), ("webhook-timestamp", str(NOW + 1)), ("webhook-signature", "v1,AAAA")],
)
def test_a_foreign_receiver_refuses_what_was_changed(name, value):
    """C31"""
    secret = secret_text(bytes(range(32)))
    sent = headers([secret], message_id="1", timestamp=NOW, body=BODY) | {name: value}
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY, sent)


def test_a_foreign_receiver_refuses_another_body():
    """C31"""
    secret = secret_text(bytes(range(32)))
    sent = headers([secret], message_id="1", timestamp=NOW, body=BODY)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY + b" ", sent)


def test_while_two_secrets_overlap_either_of_them_verifies():
    """C31: rotation without a gap."""
    old, new = secret_text(bytes(32)), secret_text(bytes(range(32)))
    sent = headers([new, old], message_id="1", timestamp=NOW, body=BODY)
    for secret in (old, new):
        assert Webhook(secret).verify(BODY, sent) == {"type": "license.issued"}


@pytest.mark.parametrize("size", [0, 23, 65])
def test_a_secret_has_24_to_64_bytes(size):
    with pytest.raises(UnfitSecretError):
        secret_text(bytes(size))


@pytest.mark.parametrize("text", ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_***", "whsec_AAAA"])
def test_what_is_no_secret_is_refused_without_being_repeated(text):
    with pytest.raises(UnfitSecretError) as caught:
        secret_bytes(text)
    assert not text or text not in str(caught.value)
