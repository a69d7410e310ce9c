"""Licenses of an account that was merged: tokens, paths and filters go on working (D5)."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from accounts.services.merging import account_merge
from licenses.domain.verification import verify
from licenses.models import License

pytestmark = pytest.mark.django_db

V1 = "/api/v1"


@pytest.fixture
def winner(make_account):
    return make_account("Initech", kind="customer")


@pytest.fixture
def merge(customer, winner, at):
    return lambda: account_merge(account=customer, into=winner, actor="cli:test", at=at)


def validate(text: str) -> dict:
    body = json.dumps({"key": text, "product": "demo"})
    return Client().post(f"{V1}/licenses/validate", body, content_type="application/json").json()


def test_tokens_that_are_out_keep_validating_online(granted, merge):
    """D5: their `sub` is the old customer id, and stays so."""
    before = validate(granted.issued.text)
    merge()
    assert before["ok"]
    assert validate(granted.issued.text) == before


def test_tokens_that_are_out_keep_validating_offline(granted, merge, keys_known, at):
    merge()
    assert verify(granted.issued.text, keys_known, now=at, issuer="signet", audience="demo").ok


def test_a_new_token_carries_the_winner_s_customer_id(granted, merge, back_office, url, winner, verified):
    merge()
    renewed = back_office.post(url("renew"), {"months": 12})
    assert verified(renewed.json()["text"]).claims.subject == winner.customer_id


def test_the_operator_s_group_path_answers_with_the_winner_s_licenses(granted, merge, back_office):
    """E22, D5"""
    merge()
    old = back_office.get("/authlance/license/acme")
    assert (old.status_code, old.json()) == (200, back_office.get("/authlance/license/initech").json())
    assert granted.license.public_id in old.content.decode()


def test_a_storefront_that_asks_by_the_old_group_gets_the_same_license(granted, merge, storefront):
    """E2: no second license is made."""
    merge()
    order = {"group": "acme", "productKey": "demo", "plan": "enterprise"}
    answer = storefront.post("/authlance/license/internal/issue", order)
    assert answer.status_code == 200
    assert License.objects.count() == 1


def test_a_license_for_the_old_slug_is_the_winner_s(merge, storefront, body, winner):
    merge()
    assert storefront.post(f"{V1}/licenses", body()).status_code == 201
    assert License.objects.get().account_id == winner.pk


def test_the_list_filters_by_the_old_slug(granted, merge, back_office):
    merge()
    for name in ("acme", "initech"):
        assert len(back_office.get(f"{V1}/licenses", account=name).json()["results"]) == 1


def test_a_member_by_the_old_group_sees_its_licenses(granted, merge, api, internal_token):
    """E22"""
    merge()
    member = api.as_(internal_token(scope="licenses:read", groups=["acme"]))
    assert member.get(f"{V1}/licenses/{granted.license.public_id}").status_code == 200
    assert member.get("/authlance/license/acme").status_code == 200
