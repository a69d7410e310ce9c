"""The recipes of docs/formats.md, run as they stand there, with tools that are not ours."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from licenses.domain import envelope, lic1, tokens
from licenses.domain.verdict_codes import FAILURES, WARNINGS

DOCS = Path(__file__).parents[3] / "docs"


def recipe(name):
    pattern = rf"```\w+\n(?:#|//) recipe: {name}\n(.*?)```"
    return re.search(pattern, (DOCS / "formats.md").read_text(), re.DOTALL)[1]


@pytest.fixture
def place(tmp_path):
    def write(signer, **files):
        pem = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        (tmp_path / "key.pem").write_bytes(signer.public_key.public_bytes(*pem))
        for name, text in files.items():
            (tmp_path / name.replace("_", ".")).write_text(text)
        return tmp_path

    return write


def run(folder, *command):
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False)


def test_openssl_verifies_a_jwt(place, rsa_signer, make_claims):
    """Interoperability: with openssl and the public key alone."""
    folder = place(rsa_signer, license_jwt=tokens.encode(make_claims(), rsa_signer))
    done = run(folder, "bash", "-c", recipe("jwt"))
    verdict, _, claims = done.stdout.partition("\n")
    assert verdict == "Verified OK", done.stderr
    assert json.loads(claims) == make_claims().to_payload()


def test_openssl_verifies_an_envelope(place, rsa_signer, make_claims):
    """E1: with the public key alone; a changed byte fails."""
    text = envelope.encode(make_claims(), rsa_signer)
    done = run(place(rsa_signer, license_lic=text), "bash", "-c", recipe("envelope"))
    verdict, _, claims = done.stdout.partition("\n")
    assert verdict == "Verified OK", done.stderr
    assert json.loads(claims)["sub"] == make_claims().subject
    changed = text.replace('"payload":"eyJ', '"payload":"eyK')
    assert (
        "Verified OK"
        not in run(place(rsa_signer, license_lic=changed), "bash", "-c", recipe("envelope")).stdout
    )


def test_twenty_lines_of_foreign_code_verify_a_lic1_key(place, ed_signer, make_fields):
    """C21: the published layout is enough to read and verify a key."""
    folder = place(ed_signer, lic1_mjs=recipe("lic1"))
    text = lic1.encode(make_fields(trial=True), ed_signer)
    done = run(folder, "node", "lic1.mjs", "key.pem", text.lower())
    assert done.returncode == 0, done.stderr
    read, fields = json.loads(done.stdout), make_fields()
    assert (read["product"], read["license"]) == (fields.product_uid.hex, fields.license_uid.hex)
    assert (read["expires_at"], read["trial"], read["entitlements"]) == (
        fields.expires_at,
        True,
        ["sso", "audit"],
    )
    forged = text[:20] + ("A" if text[20] != "A" else "B") + text[21:]
    assert run(folder, "node", "lic1.mjs", "key.pem", forged).returncode != 0


def test_twenty_lines_of_foreign_code_verify_an_envelope(place, rsa_signer, make_claims):
    """E1: strictly, so that any changed byte fails."""
    text = envelope.encode(make_claims(), rsa_signer)
    folder = place(rsa_signer, envelope_mjs=recipe("envelope-js"), license_lic=text)
    done = run(folder, "node", "envelope.mjs", "key.pem", "license.lic")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["lic"] == make_claims().license_id
    place(rsa_signer, license_lic=text.replace('","alg', '", "alg'))
    assert run(folder, "node", "envelope.mjs", "key.pem", "license.lic").returncode != 0


@pytest.mark.parametrize("name", ["lic1", "envelope-js"])
def test_foreign_verifiers_are_short(name):
    assert len(recipe(name).strip().splitlines()) <= 20


def test_the_documented_codes_are_those_of_the_code():
    """C22: the order and the codes are one table."""
    text = (DOCS / "verdict.md").read_text()
    assert re.findall(r"^\| \d+ \| `(\w+)`", text, re.MULTILINE) == list(FAILURES)
    assert all(f"`{code}`" in text for code in WARNINGS)


def test_the_documented_sizes_are_those_of_the_code():
    text = (DOCS / "formats.md").read_text()
    assert (
        f"{tokens.MAX_TOKEN:,} characters | {lic1.MAX_KEY:,} characters | {envelope.MAX_ENVELOPE:,}" in text
    )
