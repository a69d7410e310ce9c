"""OpenSSL verifies what the office issues, by the recipes that the documentation gives."""

from __future__ import annotations

import json

import pytest

OPENSSL_FORMATS = {"jwt": "license.jwt", "envelope": "license.lic"}


@pytest.fixture
def placed(make_license, issue, rsa_key, tmp_path):
    """Return a maker of the folder that a recipe expects: `placed("jwt")` gives the license's text."""

    def place(form: str) -> str:
        text = issue(make_license(seats=7), format=form).text
        (tmp_path / OPENSSL_FORMATS[form]).write_text(text if form == "envelope" else text + "\n")
        (tmp_path / "key.pem").write_text(rsa_key.public_pem)
        return text

    return place


@pytest.mark.parametrize("form", OPENSSL_FORMATS)
def test_openssl_verifies_a_license(placed, foreign, recipe, form):
    """E1, A3: with the public key alone."""
    placed(form)
    done = foreign("bash", "-c", recipe(form))
    verified, _, claims = done.stdout.partition("\n")
    assert verified == "Verified OK", done.stderr
    assert json.loads(claims)["seats"] == 7


@pytest.mark.parametrize("form", OPENSSL_FORMATS)
def test_openssl_refuses_a_changed_license(placed, foreign, recipe, tmp_path, form):
    """E1: fails after a changed byte."""
    text = placed(form)
    at = text.index("payload") + 40 if form == "envelope" else text.index(".") + 40
    changed = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
    (tmp_path / OPENSSL_FORMATS[form]).write_text(changed)
    assert "Verified OK" not in foreign("bash", "-c", recipe(form)).stdout


def test_any_changed_byte_of_an_envelope_is_refused(placed, verified):
    """E1: every byte of the file counts, for our own verifier."""
    text = placed("envelope")
    assert verified(text).ok
    for at in range(0, len(text), 7):
        changed = text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :]
        assert not verified(changed).ok, at
    assert not verified(text + " ").ok
    assert not verified(text[:-1]).ok
