"""Two accounts become one (D5)."""

from __future__ import annotations

import pytest
from django.db import connection

from accounts import owners
from accounts.errors import AccountInUse, AccountMerged, MergeClash
from accounts.models import Account, ApiKey
from accounts.owners import Owner, Rule
from accounts.services.accounts import account_delete, account_promote, account_update
from accounts.services.api_keys import api_key_create
from accounts.services.merging import Source, account_hold, account_merge, merge_preview, strays_move
from accounts.tasks import move_strays
from config.kit.errors import Invalid
from history.models import Event
from history.triggers import unprotected
from licenses.models import License

pytestmark = pytest.mark.django_db


@pytest.fixture
def by(at):
    return {"actor": "user:1", "at": at}


@pytest.fixture
def loser(make_account):
    return make_account("Acme Europe", slug="acme-eu", kind="customer", email="eu@acme.example", notes="Old")


@pytest.fixture
def winner(make_account):
    return make_account("Acme", slug="acme", kind="prospect", domain="acme.example", notes="New")


def test_everything_that_one_owned_belongs_to_the_other(loser, winner, make_license, make_key, by):
    """D5: merge two accounts with everything they own, of whichever room."""
    license_ = make_license(loser)
    make_key("support", account=loser)
    account_merge(account=loser, into=winner, **by)
    license_.refresh_from_db()
    assert license_.account_id == winner.pk
    assert ApiKey.objects.get().account_id == winner.pk
    assert not owners.owned(loser)


def test_the_account_that_closes_stays_and_names_its_winner(loser, winner, by, at):
    """D5: what still carries its slug or customer id finds the winner."""
    account_merge(account=loser, into=winner, **by)
    loser.refresh_from_db()
    assert (loser.merged_into_id, loser.merged_at) == (winner.pk, at)


def test_both_tell_of_it_with_what_moved(loser, winner, make_license, by):
    make_license(loser)
    make_license(loser)
    account_merge(account=loser, into=winner, **by)
    events = {event.account: event.data for event in Event.objects.filter(kind="account.merged")}
    moved = {"licenses.license": 2}
    assert events[loser.customer_id] == {"into": winner.customer_id, "moved": moved}
    assert events[winner.customer_id] == {
        "from": loser.customer_id,
        "moved": moved,
        "fields": ["email", "kind", "notes"],
    }


def test_the_winner_keeps_its_own_and_takes_what_it_lacks(loser, winner, by):
    """D5: a customer stays a customer; no note is lost."""
    account = account_merge(account=loser, into=winner, **by)
    account.refresh_from_db()
    assert (account.name, account.kind, account.email) == ("Acme", "customer", "eu@acme.example")
    assert (account.domain, account.notes) == ("acme.example", "New\n\nOld")


def test_each_particular_may_be_chosen(loser, winner, by):
    keep = {"name": Source.LOSER, "kind": Source.WINNER, "notes": Source.LOSER}
    account = account_merge(account=loser, into=winner, keep=keep, **by)
    assert (account.name, account.kind, account.notes) == ("Acme Europe", "prospect", "Old")


@pytest.mark.parametrize(
    ("keep", "pointer"),
    [({"slug": "loser"}, "keep.slug"), ({"name": "both"}, "keep.name"), ({"notes": "both"}, "keep.notes")],
)
def test_a_choice_that_makes_no_sense_is_refused_whole(loser, winner, by, make_license, keep, pointer):
    Account.objects.filter(pk=loser.pk).update(notes="x" * 9_999)
    make_license(loser)
    with pytest.raises(Invalid) as refused:
        account_merge(account=loser, into=winner, keep={k: Source(v) for k, v in keep.items()}, **by)
    assert refused.value.errors[0].field == pointer
    assert License.objects.get().account_id == loser.pk


def test_the_preview_says_what_will_be(loser, winner, make_license, by):
    make_license(loser)
    preview = merge_preview(account=loser, into=winner)
    assert [(owner.name, number) for owner, number in preview.moves] == [("licenses.license", 1)]
    assert preview.keep["email"] == Source.LOSER
    assert not Event.objects.filter(kind="account.merged").exists()


def test_an_account_is_not_merged_into_itself(loser, by):
    with pytest.raises(Invalid) as refused:
        account_merge(account=loser, into=loser, **by)
    assert refused.value.errors[0].code == "same_account"


def test_merging_again_changes_nothing_and_tells_nothing(loser, winner, make_license, by):
    make_license(loser)
    account_merge(account=loser, into=winner, **by)
    events = Event.objects.count()
    assert account_merge(account=loser, into=winner, **by).pk == winner.pk
    assert Event.objects.count() == events


def test_merging_again_moves_what_came_in_between(loser, winner, make_license, by):
    account_merge(account=loser, into=winner, **by)
    stray = make_license(loser)
    account_merge(account=loser, into=winner, **by)
    stray.refresh_from_db()
    assert stray.account_id == winner.pk


def test_chains_are_flattened(loser, winner, make_account, by):
    """D5: whoever was merged into the loser names the winner from then on."""
    first = make_account("Acme Shop")
    account_merge(account=first, into=loser, **by)
    account_merge(account=loser, into=winner, **by)
    first.refresh_from_db()
    assert first.merged_into_id == winner.pk


def test_a_closed_account_takes_part_in_no_other_merge(loser, winner, make_account, by):
    third = make_account("Third")
    account_merge(account=loser, into=winner, **by)
    for given in ({"account": loser, "into": third}, {"account": third, "into": loser}):
        with pytest.raises(AccountMerged) as refused:
            account_merge(**given, **by)
        assert refused.value.members["merged_into"] == "acme"


def test_a_closed_account_is_neither_changed_nor_promoted_nor_deleted(loser, winner, by):
    account_merge(account=loser, into=winner, **by)
    for change in (
        lambda: account_update(account=loser, changes={"name": "X"}, **by),
        lambda: account_promote(account=loser, **by),
        lambda: account_delete(account=loser, **by),
    ):
        with pytest.raises(AccountMerged):
            change()


def test_nothing_is_given_to_a_closed_account(loser, winner, by):
    account_merge(account=loser, into=winner, **by)
    with pytest.raises(AccountMerged):
        account_hold(loser)
    with pytest.raises(AccountMerged):
        api_key_create(name="key", role="support", account=loser, **by)


def test_an_account_that_others_were_merged_into_is_not_deleted(loser, winner, by):
    account_merge(account=loser, into=winner, **by)
    with pytest.raises(AccountInUse) as refused:
        account_delete(account=winner, **by)
    assert refused.value.detail == "Acme has 1 account merged into it. Merge it into another account instead."


def test_the_refusal_to_delete_names_what_is_owned(loser, make_license, make_key, by):
    """D5: an account with licenses cannot be deleted, and says what to do instead."""
    make_license(loser)
    make_license(loser)
    make_key("support", account=loser)
    with pytest.raises(AccountInUse) as refused:
        account_delete(account=loser, **by)
    assert "Acme Europe has 1 API key and 2 licenses. Merge it" in refused.value.detail


def test_strays_follow_by_themselves(loser, winner, make_license, by, at):
    account_merge(account=loser, into=winner, **by)
    stray = make_license(loser)
    assert strays_move(actor="system:merging", at=at) == 1
    stray.refresh_from_db()
    assert stray.account_id == winner.pk
    assert move_strays() == 0


def test_what_both_own_and_one_may_have_is_a_clash_and_nothing_moves(
    loser, winner, make_license, by, monkeypatch
):
    """Trials, for one: a running trial of a program is one an account."""
    from django.db import IntegrityError

    def clash(_loser, _winner, _at):
        raise IntegrityError

    monkeypatch.setitem(owners._rules, ("licenses.license", "account"), Rule(mover=clash))
    make_key = api_key_create(name="key", role="support", account=loser, **by)[0]
    with pytest.raises(MergeClash) as refused:
        account_merge(account=loser, into=winner, **by)
    assert "Both accounts have licenses of which" in refused.value.detail
    make_key.refresh_from_db()
    assert make_key.account_id == loser.pk


def test_rows_that_a_rule_keeps_stay_and_the_preview_says_why(loser, winner, make_license, by, monkeypatch):
    rule = Rule(stays="Statements are kept as they were sent.")
    monkeypatch.setitem(owners._rules, ("licenses.license", "account"), rule)
    make_license(loser)
    assert merge_preview(account=loser, into=winner).stays[0][2] == rule.stays
    account_merge(account=loser, into=winner, **by)
    assert License.objects.get().account_id == loser.pk


def test_every_column_that_names_an_account_is_known():
    """D5: a room above says nothing; its foreign key does."""
    names = {owner.name for owner in owners.owners()}
    assert names >= {"accounts.apikey", "licenses.license", "notifications.message"}
    assert "accounts.account.merged_into" not in names


def test_no_append_only_table_is_asked_to_move():
    """Its triggers would refuse: such a column needs a rule with a reason."""
    moving = [owner.model._meta.db_table for owner in owners.owners() if not owners.rule_of(owner).stays]
    assert unprotected(connection, moving) == moving


def test_a_column_of_another_name_tells_itself_apart():
    assert Owner(License, "reseller").name == "licenses.license.reseller"
