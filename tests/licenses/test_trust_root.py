"""Which keys our own license must be signed with (C1)."""

from __future__ import annotations

import json

import pytest

from licenses import selectors, trust_root
from licenses.domain.keys import KeyMaterialError
from licenses.services.issuing import license_issue
from licenses.services.selflicense import LicenseInvalid, selflicense_activate

pytestmark = [pytest.mark.django_db, pytest.mark.own_license]

FOREIGN = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
-----END PUBLIC KEY-----"""  # of RFC 8032, section 7.1


def test_the_key_set_that_the_product_carries_comes_before_its_own_keys(
    own_key, at, monkeypatch, tmp_path, settings
):
    """C1: embedded; a setting comes before both. Offline: no row and no socket is asked about the key."""
    text = own_key()[1]
    assert trust_root.is_own_master()
    assert trust_root.own_key_verify(text, at).ok
    embedded = tmp_path / "trust_root.json"
    embedded.write_text(json.dumps(selectors.jwks()))
    monkeypatch.setattr(trust_root, "EMBEDDED", embedded)
    assert not trust_root.is_own_master()
    assert trust_root.own_key_verify(text, at).ok
    settings.SELF_LICENSE_ISSUER = "somebody-else"
    assert trust_root.own_key_verify(text, at).reason == "issuer_mismatch"


def test_a_public_key_in_pem_is_a_trust_root(own_office, own_key, at, settings):
    """C1: and a key of another master is none."""
    settings.SELF_LICENSE_TRUST_ROOT = own_office.signing_keys.get().public_pem
    assert trust_root.own_key_verify(own_key()[1], at).ok
    settings.SELF_LICENSE_TRUST_ROOT = FOREIGN
    with pytest.raises(LicenseInvalid) as refused:
        selflicense_activate(text=own_key()[1], actor="cli:test", at=at)
    assert refused.value.members["reason"] == "bad_signature"


def test_a_trust_root_that_is_none_refuses_every_key_and_says_so(own_key, at, settings):
    settings.SELF_LICENSE_TRUST_ROOT = "nonsense"
    with pytest.raises(KeyMaterialError):
        trust_root.trust_root()
    assert not trust_root.own_key_verify(own_key()[1], at).ok


def test_a_foreign_master_without_a_trust_root_is_trusted_with_nothing(own_key, at, settings):
    """C1: its keys are never fetched on trust."""
    settings.SELF_LICENSE_MASTER_URL = "https://licenses.example.com"
    assert not trust_root.own_key_verify(own_key()[1], at).ok


def test_a_lic1_key_is_refused_because_it_names_no_product_that_can_be_checked(own_key, at):
    """C1: any product of the master might have signed it."""
    row, _ = own_key()
    issued = license_issue(license=row, format="lic1", channel="cli", actor="cli:test", at=at)
    assert issued.text.startswith("LIC1-")
    assert trust_root.own_key_verify(issued.text, at).reason == "unknown_format"
