"""`license verify` without a key file: the keys and rows of the installation judge."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
AT = "2026-03-02T09:30:00Z"


@pytest.fixture
def token(granted) -> str:
    return granted.issued.text


def test_without_a_file_the_database_judges(run, token):
    done = run("license", "verify", "--token", token, "--at", AT)
    assert (done.code, done.json["key_state"]) == (0, "active")


def test_a_revoked_license_is_refused_by_the_database_and_still_holds_offline(run, check, granted, token):
    """A27: what is out keeps validating offline; online it is refused at once."""
    words = ("license", "verify", "--token", token, "--at", AT)
    assert run("license", "revoke", granted.license.public_id, "--reason", "refund").code == 0
    done = run(*words)
    assert (done.code, done.json["stage"], done.json["reason"]) == (1, "revocation", "revoked")
    assert done.json["posture"] == "invalid"
    assert check(token).code == 0


def test_a_token_of_a_revoked_key_is_refused(run, check, token, rsa_key):
    """Rotation: a revoked key is refused online, and has left the JWKS."""
    assert run("keys", "revoke", rsa_key.kid, "--reason", "leaked", "--force").code == 0
    done = run("license", "verify", "--token", token, "--at", AT)
    assert (done.json["stage"], done.json["reason"]) == ("key", "key_revoked")
    assert rsa_key.kid not in run("keys", "jwks").out


def test_a_license_that_nobody_here_issued_is_unknown(run, signing, make_text):
    """A truly signed license without a row: no record, no license."""
    done = run("license", "verify", "--token", make_text(), "--at", AT)
    assert (done.json["stage"], done.json["reason"]) == ("revocation", "not_found")


def test_a_suspended_license_is_refused_until_it_is_reinstated(run, granted, token):
    """C25."""
    run("license", "suspend", granted.license.public_id, "--reason", "dispute")
    words = ("license", "verify", "--token", token, "--at", AT)
    assert run(*words).json["reason"] == "suspended"
    run("license", "reinstate", granted.license.public_id)
    assert run(*words).code == 0


def test_a_lic1_key_finds_its_row(run, make_license, issue):
    """C21, C22: a LIC1 key names its license by UUID."""
    row = make_license()
    text = issue(row, format="lic1").text
    done = run("license", "verify", "--token", text.lower(), "--at", AT)
    assert (done.code, done.json["license"]) == (0, row.public_id)
    other = run("license", "verify", "--token", text, "--at", AT, "--audience", "other")
    assert other.json["reason"] == "product_mismatch"


def test_verifying_goes_on_without_a_key_encryption_key(run, token, settings):
    """A missing one stops issuing, not verifying."""
    settings.KEY_ENCRYPTION_KEYS = []
    assert run("license", "verify", "--token", token, "--at", AT).code == 0


def test_a_database_without_tables_is_a_sentence(tmp_path, jwks_file, make_text):
    """Without a file it says so and exits 1; with one it works where nothing was ever migrated."""

    def shell(*words: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": os.environ["PATH"], "SIGNET_DATA": str(tmp_path / "new")}
        command = [sys.executable, str(ROOT / "manage.py"), "license", "verify", "--token", "-", *words]
        return subprocess.run(
            command, input=make_text(), capture_output=True, text=True, env=environment, check=False
        )

    without = shell()
    assert (without.returncode, json.loads(without.stdout)["reason"]) == (1, "database_unavailable")
    given = shell("--jwks", str(jwks_file), "--at", AT)
    assert (given.returncode, given.stderr, json.loads(given.stdout)["ok"]) == (0, "", True)
