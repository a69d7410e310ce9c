"""Keys within a mail are hidden from who may not see them."""

from __future__ import annotations

import pytest

from notifications.mail_templates.license_delivery import sample
from notifications.masking import HIDDEN, masked
from notifications.rendering import render

ENVELOPE = (
    '{"format":"signet-license/1","alg":"RS256","kid":"k<1>&","payload":"eyJhIjoxfQ==","signature":"c2ln"}'
)
KEYS = {
    "jwt": sample()["key"],
    "lic1": "LIC1-MFRGGZDFMZTWQ2LKMFRGGZDFMZTWQ2LK-ABCD",
    "envelope": ENVELOPE,
    "pem": "-----BEGIN LICENSE-----\nYWJj\nZGVm\n-----END LICENSE-----",
}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_a_key_that_is_named_is_hidden_in_text_and_html(key):
    """D15: who may not see key text does not read it in a mail."""
    mail = render("license_delivery", sample(key=key))
    for part in (mail.text, mail.html):
        assert HIDDEN in masked(part, [key])
        for piece in key.split():
            assert piece not in masked(part, [key])


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_a_key_that_nobody_named_is_known_by_its_shape(key):
    mail = render("license_delivery", sample(key=key))
    assert HIDDEN in masked(mail.text, [])
    assert key not in masked(mail.text, [])


def test_everything_else_stays():
    text = "Your license L-AGNR4K2Q7VHX7JWZ5T3MPLD2AE ends on 2 March 2027. {a: 1}"
    assert masked(text, []) == text
