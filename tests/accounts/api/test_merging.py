"""Merging over HTTP, and what still calls a merged account by its old names (D5)."""

from __future__ import annotations

import pytest

from accounts.models import Account
from accounts.services.merging import account_merge
from history.models import Event

pytestmark = pytest.mark.django_db

URL = "/api/v1/accounts"


@pytest.fixture
def loser(make_account):
    return make_account("Acme Europe", slug="acme-eu", email="eu@acme.example")


@pytest.fixture
def winner(make_account):
    return make_account("Acme", slug="acme", kind="customer")


@pytest.fixture
def merged(loser, winner, at):
    account_merge(account=loser, into=winner, actor="cli:test", at=at)
    return loser


def merge(caller, **body):
    return caller.post(f"{URL}/acme-eu/merge", {"into": "acme", **body})


def test_an_account_is_merged_and_the_winner_answers(back_office, loser, winner):
    """D5"""
    answer = merge(back_office, keep={"name": "loser"})
    assert (answer.status_code, answer.json()["slug"]) == (200, "acme")
    assert (answer.json()["name"], answer.json()["email"]) == ("Acme Europe", "eu@acme.example")
    assert Event.objects.filter(kind="account.merged", actor__startswith="api-key:").count() == 2


def test_merging_again_answers_the_same(back_office, loser, winner):
    first = merge(back_office)
    again = merge(back_office)
    assert (again.status_code, again.content) == (200, first.content)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/into"),
        ({"into": "nobody"}, "/into"),
        ({"into": "acme-eu"}, "/into"),
        ({"into": "acme", "keep": {"slug": "loser"}}, "/keep/slug"),
        ({"into": "acme", "keep": {"name": "both"}}, "/keep/name"),
        ({"into": "acme", "force": True}, "/force"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(back_office, loser, winner, body, pointer):
    answer = back_office.post(f"{URL}/acme-eu/merge", body)
    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert not Account.objects.filter(merged_into__isnull=False).exists()


def test_an_account_that_went_elsewhere_says_where(back_office, merged, make_account):
    make_account("Third")
    answer = back_office.post(f"{URL}/acme-eu/merge", {"into": "third"})
    assert (answer.status_code, answer.json()["code"]) == (409, "account_merged")
    assert answer.json()["merged_into"] == "acme"


def test_an_unknown_account_is_not_found(back_office, winner):
    assert back_office.post(f"{URL}/nobody/merge", {"into": "acme"}).status_code == 404


def test_only_the_back_office_merges(viewer, api, make_key, loser, winner):
    """C30, E22"""
    bound = api.as_(make_key("full-admin", account=loser))
    assert (merge(viewer).status_code, merge(bound).status_code) == (403, 403)
    assert merge(bound).json()["code"] == "back_office_only"


# --- the old names --------------------------------------------------------------------------------------


def test_the_list_leaves_closed_accounts_out(back_office, merged):
    assert [row["slug"] for row in back_office.get(URL).json()["results"]] == ["acme"]


@pytest.mark.parametrize("name", ["acme-eu", "ACME-EU", "customer id"])
def test_slug_and_customer_id_of_a_merged_account_answer_with_the_winner(back_office, merged, name):
    """D5"""
    name = merged.customer_id if name == "customer id" else name
    answer = back_office.get(f"{URL}/{name}")
    assert (answer.status_code, answer.json()["slug"]) == (200, "acme")


def test_a_change_by_the_old_slug_changes_the_winner(back_office, merged, winner):
    assert back_office.patch(f"{URL}/acme-eu", {"name": "Acme Inc"}).status_code == 200
    winner.refresh_from_db()
    assert winner.name == "Acme Inc"


def test_a_key_that_was_bound_to_the_loser_sees_the_winner(api, make_key, loser, winner, at):
    """E22: its account is the winner from then on."""
    bound = api.as_(make_key("read-only", account=loser))
    account_merge(account=loser, into=winner, actor="cli:test", at=at)
    assert bound.get("/api/v1/me").json()["groups"] == ["acme"]
    assert bound.get(f"{URL}/acme-eu").json()["slug"] == "acme"


def test_a_token_of_the_dashboard_that_names_the_old_group_sees_the_winner(api, internal_token, merged):
    """E22"""
    member = api.as_(internal_token(scope="accounts:read", groups=["acme-eu"]))
    assert [row["slug"] for row in member.get(URL).json()["results"]] == ["acme"]
    assert member.get(f"{URL}/acme-eu").json()["slug"] == "acme"


def test_a_stranger_learns_nothing_by_the_old_slug(api, make_key, merged, make_account):
    """E22: another account's object answers like an unknown one."""
    stranger = api.as_(make_key("read-only", account=make_account("Other")))
    assert stranger.get(f"{URL}/acme-eu").status_code == stranger.get(f"{URL}/nobody").status_code == 404


def test_history_by_the_winner_tells_the_loser_s_too(back_office, merged, winner):
    for name in ("acme", "acme-eu", winner.customer_id, merged.customer_id):
        rows = back_office.get("/api/v1/history", account=name).json()["results"]
        assert {row["account"] for row in rows} == {winner.customer_id, merged.customer_id}


def test_members_see_the_history_of_what_was_merged_in(api, make_key, merged, winner):
    member = api.as_(make_key("support", account=winner))
    seen = {row["account"] for row in member.get("/api/v1/history").json()["results"]}
    assert merged.customer_id in seen
