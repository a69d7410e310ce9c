from __future__ import annotations

import base64
import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.kit import ids
from trials.domain.evidence.references import LONGEST, UnfitReference, check_reference


def code(text):
    try:
        check_reference(text)
    except UnfitReference as unfit:
        return unfit.code
    return "fit"


@pytest.mark.parametrize(
    "text",
    [
        "task:42",
        "CS-1187",
        "release:2026.11.3",
        "user:7",
        "system:trial-sweep",
        "customer-success-team-emea-north",
        "trial-closeout-handoff-2026-11-22",
        "ENTERPRISE-ENTITLEMENT-2026-11-22-v3",
        "ghcr.io/acme/app@sha256:" + "0a1b2c3d" * 8,
        "git:" + "0a1b2c3d" * 5,
        "event:12345678901234567890",
        "release:1.2.3.4",
        "crm:4111111111111112",
        "hotel:42",
        "L-1:cafe",
    ],
)
def test_an_opaque_id_is_a_reference(text):
    """B1: what evidence holds."""
    assert code(text) == "fit"


def test_ids_of_our_own_are_references():
    """B1: license, customer, event and package."""
    for _ in range(200):
        uid = ids.uuid7()
        for text in (f"license:{ids.license_id(uid)}", f"customer:{ids.customer_id()}", f"evidence:{uid}"):
            assert code(text) == "fit", text


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "empty"),
        ("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln", "jwt"),
        ("ref:eyJhbGciOiJub25l.", "jwt"),
        ("LIC1-MFRGG-ZDFMY", "license_key"),
        ("lic1.mfrgg", "license_key"),
        ("-----BEGIN PRIVATE KEY-----", "pem_block"),
        ("ann@example.com", "email_address"),
        ("crm:ann@example.com", "email_address"),
        ("10.0.0.12", "ip_address"),
        ("host:192.168.1.1", "ip_address"),
        ("2001:db8::1", "ip_address"),
        ("fe80::1ff:fe23:4567:890a", "ip_address"),
        ("abcd:ef01:2345:6789:abcd:ef01:2345:6789", "ip_address"),
        ("host:2001:db8::1", "ip_address"),
        ("dead:beef::1", "ip_address"),
        ("host=::ffff:10.0.0.1", "ip_address"),
        ("key_LIC1-ABCDE-FGHIJ", "license_key"),
        ("tel:+491701234567", "phone_number"),
        ("call+49170-123-4567", "phone_number"),
        ("phone:1701234567", "phone_number"),
        ("4111111111111111", "card_number"),
        ("card:4111-1111-1111-1111", "card_number"),
        ("password:hunter2", "credential"),
        ("db-password=s3cretPa55", "credential"),
        ("bearer:abcdef1234567890a", "credential"),
        ("https://bob:hunter2@example.com/x", "credentialed_url"),
        ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", "access_token"),
        ("sk_live_51H8", "access_token"),
        ("AKIAIOSFODNN7EXAMPLE", "access_token"),
        ("Ann Example", "not_opaque"),
        ("task:42\n", "not_opaque"),
        ("<script>", "not_opaque"),
        ("a" * (LONGEST + 1), "too_long"),
    ],
)
def test_what_looks_secret_or_personal_is_refused(text, wanted):
    """B21: with a code that says what it looked like."""
    assert code(text) == wanted


@pytest.mark.parametrize(
    "make",
    [
        lambda dice: dice.randbytes(32).hex(),
        lambda dice: base64.b64encode(dice.randbytes(32)).decode(),
        lambda dice: "".join(dice.choices(string.ascii_letters + string.digits, k=40)),
        lambda dice: base64.urlsafe_b64encode(dice.randbytes(32)).decode(),
    ],
)
def test_long_random_tokens_are_refused(make):
    """B21: a long high-entropy token, by its look; a few in a thousand may look like words."""
    dice = random.Random(21)
    passed = sum(code(f"ref:{make(dice)}") == "fit" for _ in range(1000))
    assert passed <= 5


@given(st.text())
def test_any_text_gets_an_answer(text):
    """Nothing but UnfitReference ever comes out."""
    assert code(text) in {
        "fit", "empty", "too_long", "credentialed_url", "email_address", "jwt", "license_key", "pem_block",
        "ip_address", "access_token", "credential", "phone_number", "card_number", "high_entropy", "not_opaque",
    }  # fmt: skip


@given(st.emails())
def test_no_mail_address_passes(address):
    """B21: however it is written, and wherever it stands in the text."""
    assert code(address) != "fit"
    assert code(f"task:{address}") != "fit"
