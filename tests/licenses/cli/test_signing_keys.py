"""`keys list|generate|import|activate|rotate|retire|revoke|reseal|jwks|pem` as a shell sees them."""

from __future__ import annotations

import json
import logging
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import serialization

from licenses.domain.keys import KeySet
from licenses.models import SigningKey

ED = ("--algorithm", "EdDSA")


def test_a_rotation_from_the_shell(run, db, clock):
    """Rotation: stage, wait, activate; the command is safe to repeat."""
    first = run("keys", "rotate", *ED, "--json").json
    assert first["state"] == "active"
    second = run("keys", "rotate", *ED, "--json").json
    assert second["state"] == "staged"
    early = run("keys", "rotate", *ED)
    assert (early.code, early.err.partition(":")[0]) == (1, "key_too_young")
    clock.advance(timedelta(hours=1))
    assert run("keys", "rotate", *ED, "--json").json["kid"] == second["kid"]
    assert {key.kid for key in KeySet.from_jwks(run("keys", "jwks").out)} == {first["kid"], second["kid"]}


def test_a_key_goes_through_its_life(run, db, clock):
    kid = run("keys", "generate", *ED, "--json").json["kid"]
    assert run("keys", "activate", kid).out == f"{kid} is active\n"
    assert run("keys", "activate", kid).err.startswith("key_state_wrong: ")
    assert run("keys", "retire", kid).out == f"{kid} is retired\n"
    assert run("keys", "revoke", kid, "--reason", "leaked").out == f"{kid} is revoked\n"
    assert run("keys", "jwks").json == {"keys": []}
    assert [key["state"] for key in run("keys", "list", "--json").json["keys"]] == ["revoked"]
    assert kid in run("keys", "list").out


def test_an_existing_key_is_imported_for_a_product(run, product, ed_pem, tmp_path):
    """E6: from a file or standard input, per product key."""
    path = tmp_path / "key.pem"
    path.write_bytes(ed_pem)
    done = run("keys", "import", str(path), "--product-key", "demo", "--json").json
    assert (done["product"], done["state"], done["origin"]) == ("demo", "staged", "imported")
    assert run("keys", "import", "-", stdin=ed_pem).err.startswith("key_exists: ")
    assert run("keys", "jwks", "--product-key", "demo").json["keys"][0]["kid"] == done["kid"]


def test_a_pem_with_a_password(run, db, ed_pem, tmp_path):
    key = serialization.load_pem_private_key(ed_pem, None)
    sealed = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"sesame"),
    )
    (tmp_path / "key.pem").write_bytes(sealed)
    (tmp_path / "password").write_text("sesame\n")
    words = ("keys", "import", str(tmp_path / "key.pem"))
    assert run(*words).err.startswith("invalid: ")
    assert run(*words, "--password-file", str(tmp_path / "password")).code == 0


@pytest.mark.parametrize("data", [b"", b"\x00\xff", b"-----BEGIN PRIVATE KEY-----\n", b"x" * 100_000])
def test_junk_is_no_key(run, db, data):
    done = run("keys", "import", "-", stdin=data)
    assert (done.code, SigningKey.objects.count()) == (1, 0)


def test_a_key_in_use_needs_force(run, granted, rsa_key):
    assert run("keys", "retire", rsa_key.kid).err.startswith("key_in_use: ")
    assert run("keys", "revoke", rsa_key.kid, "--reason", "leaked").err.startswith("key_in_use: ")
    assert run("keys", "revoke", rsa_key.kid, "--reason", "leaked", "--force").code == 0


def test_resealing_counts_what_it_did(run, granted):
    done = run("keys", "reseal", "--json").json
    assert (done["signing_keys"], done["artifacts"]) == (2, 1)


def test_an_unknown_key_or_product_is_a_sentence(run, db):
    assert run("keys", "activate", "nothing").err.startswith("not_found: ")
    assert run("keys", "jwks", "--product-key", "nothing").err.startswith("unknown_product_key: ")


def test_nothing_private_is_ever_printed(run, granted, rsa_pem, caplog):
    """Trust: no private key in output or logs."""
    caplog.set_level(logging.DEBUG)
    numbers = serialization.load_pem_private_key(rsa_pem, None).private_numbers()
    said = [run("keys", action).out for action in ("list", "jwks", "reseal")] + [caplog.text]
    text = "".join(said)
    assert "PRIVATE" not in text
    assert str(numbers.d) not in text
    assert not {"d", "p", "q", "k"} & {name for key in json.loads(said[1])["keys"] for name in key}


def test_the_public_half_is_printed_as_pem(run, rsa_key):
    assert run("keys", "pem", rsa_key.kid).out == rsa_key.public_pem


def test_a_weak_key_is_not_generated(run, db):
    """D19."""
    assert run("keys", "generate", "--bits", "2048").err.startswith("invalid: ")
