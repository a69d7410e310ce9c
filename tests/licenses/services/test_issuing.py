from __future__ import annotations

import base64
import hashlib
import json
import re
from datetime import timedelta

import jwt
import pytest
from django.db import IntegrityError, transaction

from config.kit.errors import Invalid
from config.kit.ids import uuid7
from config.kit.sealing import SealingKeyMissing
from history.models import Event
from licenses import selectors
from licenses.claims import ToSign, claims_of
from licenses.domain.entitlements import has
from licenses.domain.enums import Kind
from licenses.domain.keys import KeySet
from licenses.domain.tokens import encode
from licenses.domain.verification import verify
from licenses.errors import FormatUnsuitable, LegacyLicense, LicenseExpired, NoSigningKey, PlanClosed
from licenses.models import Issuance, License
from licenses.services.catalogue import plan_update, product_create, product_update
from licenses.services.issuing import license_create, license_grant, license_issue, license_reissue
from licenses.signers import forget_signers, signer_of

URL = str.maketrans("-_", "+/")
BY = {"channel": "cli", "actor": "cli:test"}


def claims_in(text: str) -> dict:
    return jwt.decode(text, options={"verify_signature": False})


def raw_bytes(text: str) -> bytes:
    """A license with every base64 and base32 part of it opened."""
    base64_parts = re.findall(r"[\w+/=-]{24,}", text)
    opened = [base64.b64decode(part.translate(URL) + "===") for part in base64_parts if len(part) % 4 != 1]
    if text.startswith("LIC1-"):
        opened = [base64.b32decode(part + "=" * (-len(part) % 8)) for part in text.split("-")[1:]]
    return b"".join([text.encode(), *opened])


# --- the record -------------------------------------------------------------------------------------


def test_a_license_holds_what_it_must(make_license, customer):
    """A1: customer, edition, expiry, seats and nodes (0 = unlimited), optional CRM identity, status."""
    row = License.objects.get(pk=make_license(seats=0, nodes=3, crm_ref="crm-7").pk)
    assert (row.account, row.edition, row.seats, row.nodes) == (customer, "enterprise", 0, 3)
    assert (row.crm_ref, row.status) == ("crm-7", "active")
    assert row.expires_at is not None


@pytest.mark.parametrize(
    ("terms", "field"),
    [({"seats": -1}, "/seats"), ({"nodes": -1}, "/nodes"), ({"edition": ""}, "/edition"),
     ({"edition": "gold"}, "/edition"), ({"quantity": 0}, "/quantity"), ({"seats": "5"}, "/seats"),
     ({"days": 0}, "/days"), ({"entitlements": {"S P": True}}, "/entitlements"), ({"status": "x"}, "/status"),
     ({"days": 1, "perpetual": True}, "/perpetual"), ({"fingerprint_sha256": "ab"}, "/fingerprint_sha256")],
)  # fmt: skip
def test_a_bad_license_writes_nothing(make_license, terms, field):
    """A1: each problem names its field; no row and no event is left behind."""
    events = Event.objects.count()
    with pytest.raises(Invalid) as refused:
        make_license(**terms)
    assert field in [error["pointer"] for error in refused.value.members["errors"]]
    assert (License.objects.count(), Event.objects.count()) == (0, events)


def test_every_problem_is_named_at_once(make_license):
    with pytest.raises(Invalid) as refused:
        make_license(seats=-1, nodes=-1, edition="gold")
    assert len(refused.value.errors) == 3


def test_a_license_belongs_to_an_account(make_license):
    """D3: the database itself refuses a license without an account."""
    row = make_license()
    with pytest.raises(IntegrityError), transaction.atomic():
        License.objects.filter(pk=row.pk).update(account=None)


def test_creation_is_recorded_and_cannot_be_edited(make_license, at):
    """D7: account, creator, creation date, kind, type, count, comment."""
    row = make_license(quantity=3, comment="by telephone")
    assert (row.created_by, row.created_at, row.kind, row.plan_code) == (
        "cli:test",
        at,
        "commercial",
        "enterprise",
    )
    assert (row.quantity, row.comment) == (3, "by telephone")
    fields = {field.name: field.editable for field in License._meta.fields}
    assert not fields["created_by"] | fields["creator"] | fields["created_at"]


def test_internal_and_test_licenses_are_outside_of_the_figures(make_license, trial):
    """D4: what counts in revenue and conversion."""
    sold, tried = make_license(), make_license(trial)
    make_license(internal=True)
    make_license(kind=Kind.TEST)
    assert set(License.objects.commercial_figures()) == {sold, tried}
    assert License.objects.filter(internal=True).count() == 1


def test_a_plan_that_is_closed_cuts_no_license(make_license, enterprise, at):
    """C19."""
    closed = plan_update(plan=enterprise, archived=True, active=False, actor="cli:test", at=at)
    with pytest.raises(PlanClosed):
        make_license(closed)


# --- the issuance -----------------------------------------------------------------------------------


def test_an_issue_appends_an_entry(make_license, issue, rsa_key, at):
    """A2: hash, instant, key, the claims' expiry and actor."""
    row = make_license()
    issued = issue(row)
    entry = Issuance.objects.get()
    assert entry.text_sha256 == hashlib.sha256(issued.text.encode()).hexdigest()
    assert (entry.issued_at, entry.signing_key, entry.actor) == (at, rsa_key, "cli:test")
    assert entry.expires_at == row.expires_at
    assert int(row.expires_at.timestamp()) == entry.claims["exp"] == claims_in(issued.text)["exp"]


def test_two_issues_are_two_entries(make_license, issue):
    """A2: at the same instant, with different hashes; the second names the first."""
    row = make_license()
    first, second = issue(row).issuance, issue(row).issuance
    assert first.text_sha256 != second.text_sha256
    assert first.jti != second.jti
    assert (first.supersedes, second.supersedes_id) == (None, first.pk)


def test_an_issue_is_one_event_without_the_text(make_license, issue):
    """Trust 10: history holds ids and hashes, never a token."""
    issued = issue(make_license())
    event = Event.objects.get(kind="license.issued")
    assert event.data["sha256"] == issued.issuance.text_sha256
    assert issued.text not in json.dumps(event.data)


def test_the_token_says_what_the_license_says(make_license, issue, customer):
    """A3, D2: the claims and the header; kind is inside the signed payload."""
    row = make_license(kind=Kind.TEST, seats=3)
    text = issue(row).text
    claims = claims_in(text)
    assert set(claims) >= {
        "iss", "sub", "aud", "exp", "iat", "nbf", "jti", "lic", "kind", "edition", "seats", "nodes", "ent", "warn",
        "grace",
    }  # fmt: skip
    assert (claims["sub"], claims["aud"], claims["lic"]) == (customer.customer_id, "demo", row.public_id)
    assert (claims["kind"], claims["seats"], claims["iss"]) == ("test", 3, "signet")
    header = jwt.get_unverified_header(text)
    assert (header["alg"], header["typ"], set(header)) == ("RS256", "license+jwt", {"alg", "kid", "typ"})


def test_a_default_trial_token_is_small(make_license, issue, trial):
    """A3: under 1 KiB with an RSA-3072 signature."""
    assert len(issue(make_license(trial)).text) < 1024


@pytest.mark.parametrize("form", ["jwt", "lic1", "envelope"])
def test_no_text_carries_personal_data(make_account, make_license, issue, form):
    """A3: name, address and domain of the customer, and staff's own words, stay in their rows."""
    account = make_account(
        "Canary Works", email="ada@canary.example", domain="canary.example", notes="canary"
    )
    row = make_license(account=account, comment="for Ada Canary", crm_ref="canary-crm")
    issued = issue(row, format=form)
    stored = json.dumps([issued.issuance.claims, *Event.objects.values_list("data", flat=True)])
    for canary in (b"canary", b"Canary", b"ada@", b"Ada"):
        assert canary not in stored.encode()
        assert canary not in raw_bytes(issued.text)


def test_the_algorithm_is_that_of_the_product(make_license, issue, product, at):
    """A4, D20: RS256 by default; an EdDSA product signs with Ed25519."""
    product_update(product=product, algorithm="EdDSA", actor="cli:test", at=at)
    text = issue(make_license()).text
    assert jwt.get_unverified_header(text)["alg"] == "EdDSA"


def test_a_key_of_the_product_signs_before_the_shared_one(
    make_license, issue, import_key, other_rsa_pem, product
):
    """E6: keys are configured per product."""
    own = import_key(other_rsa_pem, product=product)
    assert issue(make_license()).issuance.signing_key == own


def test_a_key_of_another_product_does_not_sign_for_this_one(
    issue, make_license, import_key, other_rsa_pem, at
):
    """E6: nor is it in this product's key set; and what it signed for this one is refused."""
    other = product_create(product_key="other", name="Other", actor="cli:test", at=at)
    key = import_key(other_rsa_pem, product=other)
    row = make_license()
    assert issue(row).issuance.signing_key != key
    assert key.kid not in [jwk["kid"] for jwk in selectors.jwks(row.product)["keys"]]
    forged = encode(claims_of(ToSign.of(row), jti=uuid7(), at=at), signer_of(key))
    found = verify(forged, selectors.key_set(), now=at, issuer="signet", audience="demo")
    assert (found.ok, found.reason) == (False, "key_not_for_product")


def test_without_a_key_nothing_is_issued(make_license, at):
    """503: no signing key."""
    with pytest.raises(NoSigningKey) as refused:
        license_issue(license=make_license(), **BY, at=at)
    assert (refused.value.status, Issuance.objects.count()) == (503, 0)


@pytest.mark.parametrize("keys", [[], [""], ["bm90LXRoZS1vbmUtdGhhdC1zZWFsZWQtaXQtMTIzNDU="]])
def test_without_the_key_encryption_key_issuing_stops_and_verifying_goes_on(
    make_license, issue, at, settings, keys
):
    """A missing or wrong key-encryption key: 503 for issuing, and the license that is out still verifies."""
    text = issue(make_license()).text
    forget_signers()
    settings.KEY_ENCRYPTION_KEYS = keys
    with pytest.raises(SealingKeyMissing) as refused:
        license_issue(license=make_license(), **BY, at=at)
    assert refused.value.status == 503
    assert Issuance.objects.count() == 1
    assert verify(text, selectors.key_set(), now=at, issuer="signet", audience="demo").ok


def test_a_license_without_a_kept_text_still_has_its_entry(make_license, issue):
    """E2: `persist=False` keeps the record and its hash, not the text."""
    issued = issue(make_license(), persist=False)
    entry = Issuance.objects.get()
    assert (entry.artifact, len(entry.text_sha256)) == (None, 64)
    assert issued.text


def test_the_installation_may_keep_no_text_at_all(make_license, issue, settings):
    settings.KEEP_ARTIFACTS = False
    assert issue(make_license()).issuance.artifact is None
    assert issue(make_license(), persist=True).issuance.artifact is not None


def test_the_kept_text_is_sealed(make_license, issue):
    """Trust 10: no license in clear in the database."""
    issued = issue(make_license())
    stored = bytes(Issuance.objects.values_list("artifact", flat=True).get())
    assert issued.text.encode() not in stored
    assert issued.text.rpartition(".")[2].encode() not in stored


@pytest.mark.parametrize("form", ["jwt", "envelope"])
def test_a_large_entitlement_map_signs_and_verifies(make_license, issue, verified, form):
    """D19: 16 KiB and more, in JWT and envelope."""
    large = {f"module-{n:04}": f"value of module {n}" for n in range(500)}
    assert len(json.dumps(large)) >= 16 * 1024
    found = verified(issue(make_license(entitlements=large), format=form).text)
    assert (found.ok, dict(found.entitlements)) == (True, large)


def test_an_entitlement_may_end_before_its_license(make_license, issue, verified, at):
    """C4: valued entitlements with an end of their own."""
    end = int(at.timestamp()) + 60
    found = verified(issue(make_license(entitlements={"beta": {"value": True, "exp": end}})).text)
    assert dict(found.entitlements) == {"beta": {"value": True, "exp": end}}
    assert has(found.entitlements, "beta", at)
    assert not has(found.entitlements, "beta", at + timedelta(seconds=60))


def test_lic1_cannot_say_valued_entitlements(make_license, issue):
    """C21: refused with a sentence, and nothing is written."""
    with pytest.raises(FormatUnsuitable):
        issue(make_license(entitlements={"projects": 12}), format="lic1")
    assert Issuance.objects.count() == 0


def test_lic1_cannot_say_a_later_start(make_license, issue, at):
    """C21: refused; once it has begun, it fits."""
    row = make_license(starts_at=at + timedelta(days=1))
    with pytest.raises(FormatUnsuitable) as refused:
        issue(row, format="lic1")
    assert (refused.value.status, refused.value.members["reason"]) == (409, "starts_later")
    assert issue(row, format="lic1", at=at + timedelta(days=1)).text.startswith("LIC1-")


def test_a_license_may_say_that_it_prefers_online_validation(make_license, issue, verified):
    """D20: and where; offline remains possible."""
    text = issue(make_license(prefer_online=True, online_url="https://licenses.example/v")).text
    assert claims_in(text)["online"] == {"prefer": True, "url": "https://licenses.example/v"}
    assert verified(text).ok


def test_a_license_of_the_older_tool_is_not_signed(make_license, issue):
    """D1: origin legacy is a record, listed with the rest and not re-signable."""
    row = make_license()
    License.objects.filter(pk=row.pk).update(origin="legacy", legacy_key="OLD-1")
    with pytest.raises(LegacyLicense):
        issue(row)
    assert row in License.objects.with_relations()


def test_an_ended_license_is_not_issued(make_license, issue, at):
    row = make_license(days=10)
    assert issue(row, at=at + timedelta(days=23)).text
    with pytest.raises(LicenseExpired):
        issue(row, at=at + timedelta(days=24))


def test_a_grant_is_both_or_neither(customer, enterprise, at):
    """Trust 2: no license without its issuance."""
    with pytest.raises(NoSigningKey):
        license_grant(account=customer, plan=enterprise, origin="staff", **BY, at=at)
    assert (License.objects.count(), Event.objects.filter(kind="license.created").count()) == (0, 0)


# --- changing what was issued -----------------------------------------------------------------------


def test_seats_change_by_a_new_issuance_only(granted, at):
    """E24: payload, record and claims agree, and the first snapshot stays as it was."""
    issued = license_reissue(license=granted.license, changes={"seats": 40}, reason="bought 15", **BY, at=at)
    first, second = Issuance.objects.order_by("pk")
    assert (first.claims["seats"], second.claims["seats"], claims_in(issued.text)["seats"]) == (25, 40, 40)
    assert License.objects.get().seats == 40
    assert second.supersedes == first
    assert Event.objects.get(kind="license.reissued").data["changed"] == ["seats"]


def test_a_reissue_moves_no_end(granted, at):
    """E24: the end moves by renewal only."""
    with pytest.raises(Invalid):
        license_reissue(license=granted.license, changes={"expires_at": at}, reason="", **BY, at=at)
    assert Issuance.objects.count() == 1


def test_a_bad_change_leaves_everything(granted, at):
    with pytest.raises(Invalid):
        license_reissue(license=granted.license, changes={"seats": -5}, reason="", **BY, at=at)
    assert (License.objects.get().seats, Issuance.objects.count()) == (25, 1)


def test_row_and_token_agree_on_the_second(customer, enterprise, signing, at):
    """An instant with a fraction would expire in the row before it does in the token."""
    granted = license_grant(
        account=customer,
        plan=enterprise,
        origin="staff",
        **BY,
        at=at.replace(microsecond=999_999),
    )
    assert granted.license.expires_at.microsecond == granted.license.starts_at.microsecond == 0


def test_a_license_starts_in_the_future_if_asked(make_license, issue, verified, at):
    row = make_license(starts_at=at + timedelta(days=2))
    assert verified(issue(row).text).reason == "not_yet_valid"
    assert row.posture == "invalid"


def test_a_license_is_created_without_a_signature_if_asked(customer, enterprise, at):
    row = license_create(account=customer, plan=enterprise, origin="staff", actor="cli:test", at=at)
    assert row.issuances.count() == 0
    assert Event.objects.get(kind="license.created").data["seats"] == 25


def test_the_jwks_reads_back_as_the_keys_that_sign(signing, rsa_key, ed_key):
    """A5: what a deployment needs, and nothing private."""
    published = selectors.jwks()
    assert {key.kid for key in KeySet.from_jwks(published)} == {rsa_key.kid, ed_key.kid}
    assert not {"d", "p", "q", "dp", "dq", "qi"} & {name for key in published["keys"] for name in key}
