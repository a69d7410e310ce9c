"""API keys: made, recognised, revoked."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta

import pytest

from accounts.errors import AlreadyRevoked, CredentialRefused
from accounts.models import ApiKey
from accounts.services.api_keys import TOKEN, api_key_authenticate, api_key_create, api_key_revoke
from config.kit.errors import Invalid
from history.models import Event

pytestmark = pytest.mark.django_db


@pytest.fixture
def by(at):
    return {"actor": "user:1", "at": at}


@pytest.fixture
def made(by):
    return api_key_create(name="Storefront", role="license-issuer", **by)


def refused(token: str, at) -> CredentialRefused:
    with pytest.raises(CredentialRefused) as refusal:
        api_key_authenticate(token=token, at=at)
    return refusal.value


def test_only_the_hash_of_a_token_is_stored(made):
    """C30: token shown once, stored as SHA-256."""
    _, token = made
    row = ApiKey.objects.values().get()
    assert row["token_sha256"] == hashlib.sha256(token.encode()).hexdigest()
    assert token not in str(row)


def test_a_token_names_its_key_and_holds_256_random_bits(made):
    key, token = made
    assert TOKEN.fullmatch(token)[1] == key.prefix
    assert len(token) == len("sgk_") + 12 + 1 + 43


def test_making_and_revoking_are_told_without_the_name(made, by):
    key, _ = made
    api_key_revoke(key=key, **by)
    events = Event.objects.order_by("id").values_list("kind", "subject")
    assert list(events) == [
        ("api_key.created", f"api-key:{key.prefix}"),
        ("api_key.revoked", f"api-key:{key.prefix}"),
    ]
    assert "Storefront" not in str(list(Event.objects.values()))


def test_a_live_key_is_recognised_with_the_scopes_of_its_role(made, at):
    """C30: role to scopes."""
    key, token = made
    principal = api_key_authenticate(token=token, at=at)
    assert principal.client == principal.actor == f"api-key:{key.prefix}"
    assert "licenses:issue" in principal.scopes
    assert "licenses:revoke" not in principal.scopes
    assert not principal.is_master


def test_an_unbound_key_sees_every_account(made, at):
    assert api_key_authenticate(token=made[1], at=at).may_see_group("acme")


def test_a_bound_key_sees_its_account_and_no_other(customer, by, at):
    _, token = api_key_create(name="Acme", role="support", account=customer, **by)
    principal = api_key_authenticate(token=token, at=at)
    assert principal.groups == {"acme"}
    assert principal.may_see_group("acme")
    assert not principal.may_see_group("globex")


def test_recognising_takes_one_query(made, at, django_assert_num_queries):
    _, token = made
    api_key_authenticate(token=token, at=at)
    with django_assert_num_queries(1):
        api_key_authenticate(token=token, at=at)


def test_the_day_of_last_use_is_written_once_a_day(made, at, django_assert_num_queries):
    key, token = made
    api_key_authenticate(token=token, at=at)
    with django_assert_num_queries(1):
        api_key_authenticate(token=token, at=at + timedelta(hours=14, minutes=29))
    api_key_authenticate(token=token, at=at + timedelta(days=1))
    key.refresh_from_db()
    assert key.last_used_on == date(2026, 3, 3)


def test_the_day_of_last_use_never_goes_back(made, at):
    key, token = made
    api_key_authenticate(token=token, at=at)
    api_key_authenticate(token=token, at=at - timedelta(days=3))
    key.refresh_from_db()
    assert key.last_used_on == at.date()


def test_unknown_wrong_expired_and_revoked_are_refused_alike(by, at):
    """C30: revocable; and a guesser learns nothing."""
    _, live = api_key_create(name="a", role="support", expires_at=at + timedelta(hours=1), **by)
    key, revoked = api_key_create(name="b", role="support", **by)
    api_key_revoke(key=key, **by)
    answers = [
        refused("sgk_0123456789ab_" + "x" * 43, at),
        refused(live[:-1] + ("A" if live[-1] != "A" else "B"), at),
        refused(live, at + timedelta(hours=1)),
        refused(revoked, at),
        refused("sgk_", at),
        refused("sgk_" + "é" * 60, at),
        refused(live + "\n", at),
    ]
    assert {(answer.status, answer.code, answer.detail) for answer in answers} == {
        (401, "not_authenticated", "The API key is not valid.")
    }


def test_a_key_lives_until_just_before_its_end(by, at):
    _, token = api_key_create(name="a", role="support", expires_at=at + timedelta(seconds=1), **by)
    assert api_key_authenticate(token=token, at=at)
    refused(token, at + timedelta(seconds=1))


def test_a_key_is_revoked_once(made, by):
    key, _ = made
    api_key_revoke(key=key, **by)
    with pytest.raises(AlreadyRevoked):
        api_key_revoke(key=key, **by)


@pytest.mark.parametrize(
    ("field", "value"), [("name", ""), ("name", "x" * 101), ("role", "root"), ("name", "a\x00b")]
)
def test_a_field_that_breaks_a_rule_is_named(field, value, by):
    with pytest.raises(Invalid) as refusal:
        api_key_create(**{"name": "a", "role": "support", field: value}, **by)
    assert {error.field for error in refusal.value.errors} == {field}


def test_an_end_in_the_past_is_refused(by, at):
    with pytest.raises(Invalid):
        api_key_create(name="a", role="support", expires_at=at, **by)
