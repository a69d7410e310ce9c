"""Opening, changing, promoting and deleting accounts."""

from __future__ import annotations

import pytest

from accounts.errors import AccountInUse, NotAProspect, SlugTaken
from accounts.models import Account
from accounts.services.accounts import account_create, account_delete, account_promote, account_update
from config.kit.errors import Invalid
from history.models import Event

pytestmark = pytest.mark.django_db


@pytest.fixture
def by(at):
    return {"actor": "user:1", "at": at}


def refused_fields(refusal: Invalid) -> set[str]:
    return {error.field for error in refusal.errors}


@pytest.mark.parametrize("kind", ["customer", "prospect", "internal"])
def test_an_account_is_customer_prospect_or_internal(kind, by):
    """D5: accounts of type customer or prospect, and our own."""
    assert account_create(name="Acme", kind=kind, **by).kind == kind


def test_an_account_of_another_kind_is_refused(by):
    with pytest.raises(Invalid) as refused:
        account_create(name="Acme", kind="partner", **by)
    assert refused_fields(refused.value) == {"kind"}


def test_the_slug_comes_from_the_name(by):
    assert account_create(name="  Müller & Söhne GmbH ", **by).slug == "muller-sohne-gmbh"


def test_a_name_without_latin_letters_gets_its_customer_id_as_slug(by):
    account = account_create(name="株式会社", **by)
    assert account.slug == account.customer_id.lower()


def test_a_given_slug_is_kept_in_lower_case(by):
    assert account_create(name="Acme", slug="ACME-EU", **by).slug == "acme-eu"


@pytest.mark.parametrize("name", ["Acme", "ACME", "acme!"])
def test_a_slug_is_unique_in_any_case(name, customer, by):
    with pytest.raises(SlugTaken) as refused:
        account_create(name=name, **by)
    assert refused.value.members["errors"][0]["pointer"] == "/slug"
    assert Account.objects.count() == 1


def test_every_field_that_is_wrong_is_named(by):
    with pytest.raises(Invalid) as refused:
        account_create(name="", slug="no spaces", email="nobody", **by)
    assert refused_fields(refused.value) == {"name", "slug", "email"}


def test_the_nul_character_is_refused_in_any_text(by):
    with pytest.raises(Invalid) as refused:
        account_create(name="Ac\x00me", slug="acme", **by)
    assert refused_fields(refused.value) == {"name"}


def test_opening_an_account_writes_one_event_without_personal_data(by):
    account = account_create(name="Jane Doe", email="jane@doe.example", domain="doe.example", **by)
    event = Event.objects.get()
    assert (event.kind, event.subject) == ("account.created", f"account:{account.customer_id}")
    assert (event.account, event.actor) == (account.customer_id, "user:1")
    assert event.data == {"kind": "prospect"}


def test_a_change_is_told_by_the_names_of_its_fields(customer, by):
    changes = {"name": "Acme Inc", "email": "it@acme.example", "domain": "acme.example"}
    account_update(account=customer, changes=changes, **by)
    customer.refresh_from_db()
    assert (customer.name, customer.email) == ("Acme Inc", "it@acme.example")
    assert Event.objects.get(kind="account.changed").data == {"fields": ["email", "name"]}


def test_a_change_of_nothing_writes_nothing(customer, by):
    account_update(account=customer, changes={"name": "Acme"}, **by)
    assert not Event.objects.filter(kind="account.changed").exists()


@pytest.mark.parametrize("field", ["slug", "customer_id", "kind", "created_at"])
def test_what_tokens_name_an_account_by_never_changes(field, customer, by):
    with pytest.raises(Invalid) as refused:
        account_update(account=customer, changes={field: "x"}, **by)
    assert refused.value.errors[0].code == "not_editable"


def test_a_change_that_breaks_a_rule_is_refused_whole(customer, by):
    with pytest.raises(Invalid):
        account_update(account=customer, changes={"name": "New", "email": "nobody"}, **by)
    customer.refresh_from_db()
    assert customer.name == "Acme"


def test_a_prospect_becomes_a_customer(prospect, by):
    """D5: promote prospect to customer."""
    assert account_promote(account=prospect, **by).kind == "customer"
    assert Event.objects.get(kind="account.promoted").account == prospect.customer_id


@pytest.mark.parametrize("kind", ["customer", "internal"])
def test_only_a_prospect_is_promoted(kind, make_account, by):
    with pytest.raises(NotAProspect):
        account_promote(account=make_account(kind=kind), **by)


def test_an_account_that_nothing_refers_to_can_be_deleted(prospect, by):
    account_delete(account=prospect, **by)
    assert not Account.objects.exists()
    assert Event.objects.filter(kind="account.deleted").count() == 1


def test_an_account_with_licenses_cannot_be_deleted(customer, make_license, by):
    """D5: an account with licenses cannot be deleted."""
    make_license(customer)
    with pytest.raises(AccountInUse):
        account_delete(account=customer, **by)
    assert Account.objects.filter(pk=customer.pk).exists()
    assert not Event.objects.filter(kind="account.deleted").exists()


def test_an_account_with_api_keys_cannot_be_deleted(customer, make_key, by):
    make_key("support", account=customer)
    with pytest.raises(AccountInUse):
        account_delete(account=customer, **by)
