"""Node.js verifies what the office issues: jose with the JWKS, and twenty lines without any library."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.services


@pytest.fixture
def jose(npm_folder, jwks_file, foreign):
    """Return the check of a text by jose: the finished process."""

    def check(text: str, audience: str = "demo"):
        return foreign("node", "verify-jwt.mjs", str(jwks_file), audience, text=text, cwd=npm_folder)

    return check


@pytest.fixture
def fresh(make_license, issue):
    """Return a maker of texts that hold today: jose reads the real clock."""
    from config.kit.clock import now

    def make(form: str = "jwt", **terms) -> str:
        at = now()
        return issue(make_license(starts_at=at, days=30, **terms), format=form, at=at).text

    return make


@pytest.mark.parametrize("algorithm", ["RS256", "EdDSA"])
def test_jose_verifies_a_license_with_the_published_keys(jose, fresh, product, at, algorithm):
    """A5: a foreign implementation, the JWKS and a token."""
    from licenses.services.catalogue import product_update

    product_update(product=product, algorithm=algorithm, actor="cli:test", at=at)
    done = jose(fresh(seats=7))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["seats"] == 7


def test_jose_refuses_what_is_not_right(jose, fresh):
    """A4: changed, and for another product."""
    text = fresh()
    head, body, tail = text.split(".")
    changed = body[:40] + ("A" if body[40] != "A" else "B") + body[41:]
    assert "ERR_JWS_SIGNATURE_VERIFICATION_FAILED" in jose(f"{head}.{changed}.{tail}").stderr
    assert "ERR_JWT_CLAIM_VALIDATION_FAILED" in jose(text, "other").stderr


def test_a_lic1_key_verifies_with_twenty_lines(foreign, fresh, recipe, ed_key, tmp_path):
    """C21: Node's own crypto and the recipe of the documentation."""
    (tmp_path / "key.pem").write_text(ed_key.public_pem)
    (tmp_path / "lic1.mjs").write_text(recipe("lic1"))
    text = fresh("lic1")
    done = foreign("node", "lic1.mjs", "key.pem", text.lower())
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["entitlements"] == ["audit", "sso"]
    changed = text[:20] + ("A" if text[20] != "A" else "B") + text[21:]
    assert foreign("node", "lic1.mjs", "key.pem", changed).returncode != 0


def test_an_envelope_verifies_with_twenty_lines(foreign, fresh, recipe, rsa_key, tmp_path):
    """E1: Node's own crypto and the recipe of the documentation."""
    (tmp_path / "key.pem").write_text(rsa_key.public_pem)
    (tmp_path / "envelope.mjs").write_text(recipe("envelope-js"))
    (tmp_path / "license.lic").write_text(fresh("envelope"))
    done = foreign("node", "envelope.mjs", "key.pem", "license.lic")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["plan"] == "enterprise"
    (tmp_path / "license.lic").write_text(fresh("envelope").replace("RS256", "RS257"))
    assert foreign("node", "envelope.mjs", "key.pem", "license.lic").returncode != 0


@pytest.mark.parametrize("name", ["lic1", "envelope-js"])
def test_the_recipes_are_as_short_as_they_say(recipe, name):
    assert len(recipe(name).strip().splitlines()) <= 20
