"""`Idempotency-Key` on creating calls, one after the other."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings

from accounts.models import Account, IdempotentRequest
from accounts.services.idempotency import claim
from accounts.tasks import forget_idempotency
from history.models import Event

pytestmark = pytest.mark.django_db

URL = "/api/v1/accounts"
BODY = {"name": "Initech"}


def test_the_same_key_and_body_give_the_stored_answer(back_office):
    first = back_office.post(URL, BODY, key="k1")
    again = back_office.post(URL, BODY, key="k1")
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert Account.objects.count() == Event.objects.filter(kind="account.created").count() == 1


def test_the_spelling_of_the_body_does_not_matter(back_office):
    back_office.post(URL, {"name": "Initech", "kind": "customer"}, key="k1")
    again = back_office.post(URL, {"kind": "customer", "name": "Initech"}, key="k1")
    assert again.headers["Idempotency-Replayed"] == "true"


def test_another_body_is_refused(back_office):
    back_office.post(URL, BODY, key="k1")
    other = back_office.post(URL, {"name": "Hooli"}, key="k1")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert Account.objects.count() == 1


def test_another_path_is_refused(sysadmin):
    sysadmin.post(URL, BODY, key="k1")
    assert sysadmin.post("/api/v1/api-keys", BODY, key="k1").status_code == 422


def test_another_client_has_keys_of_its_own(back_office, sysadmin):
    back_office.post(URL, BODY, key="k1")
    other = sysadmin.post(URL, {"name": "Hooli"}, key="k1")
    assert (other.status_code, other.json()["slug"]) == (201, "hooli")


def test_a_failed_validation_is_not_stored(back_office):
    assert back_office.post(URL, {"name": ""}, key="k1").status_code == 400
    assert not IdempotentRequest.objects.exists()
    assert back_office.post(URL, BODY, key="k1").status_code == 201


def test_a_conflict_is_not_stored(back_office, customer):
    assert back_office.post(URL, {"name": "Acme"}, key="k1").status_code == 409
    assert back_office.post(URL, BODY, key="k1").status_code == 201


def test_an_outage_of_ours_is_not_stored_and_undoes_the_change(back_office, settings):
    settings.KEY_ENCRYPTION_KEYS = []
    answer = back_office.post(URL, BODY, key="k1")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert not Account.objects.exists()
    assert not IdempotentRequest.objects.exists()


def test_without_a_key_each_call_is_its_own(back_office):
    assert back_office.post(URL, BODY).status_code == 201
    assert back_office.post(URL, BODY).status_code == 409
    assert not IdempotentRequest.objects.exists()


@pytest.mark.parametrize("key", ["", "a b", "é", "x" * 256, "tab\t"])
def test_a_malformed_key_is_refused(key, back_office):
    answer = back_office.post(URL, BODY, key=key)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_malformed")


@pytest.mark.parametrize("key", ["x" * 255, '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "!~"])
def test_visible_ascii_is_a_key(key, back_office):
    assert back_office.post(URL, BODY, key=key).status_code == 201


def test_keys_differ_by_case(back_office):
    back_office.post(URL, BODY, key="k")
    assert back_office.post(URL, {"name": "Hooli"}, key="K").json()["slug"] == "hooli"


def test_a_key_without_credentials_reaches_nobody_s_answer(back_office, api):
    back_office.post(URL, BODY, key="k1")
    assert api.post(URL, BODY, key="k1").status_code == 401


def test_a_revoked_credential_gets_no_stored_answer(back_office, sysadmin):
    back_office.post(URL, BODY, key="k1")
    prefix = back_office.token.split("_")[1]
    sysadmin.post(f"/api/v1/api-keys/{prefix}/revoke")
    assert back_office.post(URL, BODY, key="k1").status_code == 401


def test_the_stored_answer_is_sealed(sysadmin):
    answer = sysadmin.post("/api/v1/api-keys", {"name": "a", "role": "support"}, key="k1")
    token = answer.json()["token"]
    row = IdempotentRequest.objects.get()
    assert token.encode() not in bytes(row.answer)
    again = sysadmin.post("/api/v1/api-keys", {"name": "a", "role": "support"}, key="k1")
    assert again.json()["token"] == token


def test_an_answer_is_forgotten_after_its_hours(back_office, clock):
    back_office.post(URL, BODY, key="k1")
    clock.advance(timedelta(hours=settings.IDEMPOTENCY_HOURS) - timedelta(seconds=1))
    assert back_office.post(URL, BODY, key="k1").status_code == 201
    clock.advance(timedelta(seconds=1))
    assert back_office.post(URL, {"name": "Hooli"}, key="k1").json()["slug"] == "hooli"


def test_the_sweep_deletes_what_is_forgotten_and_nothing_else(back_office, clock):
    back_office.post(URL, BODY, key="old")
    clock.advance(timedelta(hours=settings.IDEMPOTENCY_HOURS))
    back_office.post(URL, {"name": "Hooli"}, key="new")
    assert forget_idempotency() == 1
    assert IdempotentRequest.objects.get().key == "new"
    assert forget_idempotency() == 0


@pytest.mark.parametrize("client", ["jwt:" + "x" * 200, "jwt:a\x00b", "jwt:ü"])
def test_a_client_of_any_name_fits_its_column(client):
    use = claim(client=client, key="k", method="POST", path="/", body={})
    assert len(use.client) <= 100
    assert use.client.isalnum()
