"""Public keys for deployments."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization

from licenses.domain.keys import KeySet
from licenses.domain.verification import verify

pytestmark = pytest.mark.django_db

JWKS = "/.well-known/jwks.json"
PEM = "/.well-known/licenses/demo.pem"


def test_what_is_published_verifies_what_is_issued(api, granted, at):
    """A5: the issuer publishes its public keys."""
    answer = api.get(JWKS)
    keys = KeySet.from_jwks(answer.content)
    assert answer.headers["Content-Type"] == "application/jwk-set+json"
    assert verify(granted.issued.text, keys, now=at, issuer="signet", audience="demo").ok


def test_only_public_members_are_published(api, signing):
    for key in api.get(JWKS).json()["keys"]:
        members = {"RSA": {"n", "e"}, "OKP": {"crv", "x"}}[key["kty"]]
        assert set(key) == {"kid", "use", "key_ops", "alg", "kty"} | members
        assert (key["use"], key["key_ops"]) == ("sig", ["verify"])


def test_the_keys_may_be_cached_for_less_than_they_are_published_ahead(api, signing, settings):
    answer = api.get(JWKS)
    assert answer.headers["Cache-Control"] == f"public, max-age={settings.JWKS_MAX_AGE_SECONDS}"
    assert settings.JWKS_MAX_AGE_SECONDS < settings.KEY_PUBLISH_AHEAD_SECONDS


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
def test_who_holds_them_already_is_told_so(form, api, signing):
    etag = api.get(JWKS).headers["ETag"]
    answer = api.client.get(JWKS, headers={"If-None-Match": form.format(etag)})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["ETag"] == etag


def test_a_new_key_changes_the_tag(api, rsa_key, import_key, ed_pem):
    before = api.get(JWKS).headers["ETag"]
    import_key(ed_pem)
    assert api.client.get(JWKS, headers={"If-None-Match": before}).status_code == 200


def test_a_products_own_keys_stand_beside_the_shared_ones_only_for_it(
    *, api, rsa_key, import_key, ed_pem, product, at
):
    from licenses.services.catalogue import product_create

    product_create(product_key="atlas", name="Atlas", actor="cli:test", at=at)
    own = import_key(ed_pem, product=product)

    def kids(**query):
        return {key["kid"] for key in api.get(JWKS, **query).json()["keys"]}

    assert kids() == kids(product="demo") == {rsa_key.kid, own.kid}
    assert kids(product="atlas") == {rsa_key.kid}


@pytest.mark.parametrize("name", ["nothing", "", "\x00", "x" * 5000])
def test_an_unknown_product_has_no_keys(name, api, signing):
    assert api.get(JWKS, product=name).status_code == 404


def test_a_product_that_is_no_longer_sold_still_verifies(api, signing, product, at):
    from licenses.services.catalogue import product_update

    product_update(product=product, active=False, actor="cli:test", at=at)
    assert len(api.get(JWKS, product="demo").json()["keys"]) == 2


def test_a_bad_credential_does_not_stand_in_the_way(api, signing):
    assert api.as_("sgk_nothing").get(JWKS).status_code == 200
    assert api.client.get(JWKS, headers={"Accept": "application/jwk-set+json"}).status_code == 200


def test_the_pem_of_a_product_begins_with_the_key_that_signs(api, signing, rsa_key, product):
    text = api.get(PEM).content
    first = serialization.load_pem_public_key(text)
    assert (
        first.public_numbers()
        == serialization.load_pem_public_key(rsa_key.public_pem.encode()).public_numbers()
    )
    assert text.count(b"BEGIN PUBLIC KEY") == 2
    assert b"PRIVATE" not in text


def test_one_key_is_picked_by_its_kid(api, signing, ed_key, product):
    text = api.get(PEM, kid=ed_key.kid).content.decode()
    assert text.startswith(f"{ed_key.kid} EdDSA active\n-----BEGIN PUBLIC KEY-----")
    assert text.count("BEGIN") == 1
    assert api.get(PEM, kid="nothing").status_code == 404


def test_a_key_set_is_read_in_a_few_queries(api, signing, django_assert_max_num_queries):
    with django_assert_max_num_queries(2):
        api.get(JWKS)
