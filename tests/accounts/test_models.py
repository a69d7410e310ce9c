"""What the tables themselves refuse."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from accounts.models import Account, ApiKey, User

pytestmark = pytest.mark.django_db


def refused_by_the_database(make) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        make()


def test_the_database_refuses_a_license_without_an_account(make_license):
    """D3: a creation without an account is refused by database constraint."""
    refused_by_the_database(lambda: make_license(None))


@pytest.mark.parametrize("kind", ["customer", "prospect"])
def test_a_license_belongs_to_an_account_that_existed_before(kind, make_account, make_license):
    """D3: customer or prospect."""
    account = make_account(kind=kind)
    assert make_license(account).account == account


def test_the_database_refuses_to_delete_an_account_with_licenses(customer, make_license):
    """D5: an account with licenses cannot be deleted."""
    make_license(customer)
    with pytest.raises(ProtectedError):
        customer.delete()


def test_an_account_sees_its_licenses(customer, make_license):
    """D5: see an account's licenses."""
    license_ = make_license(customer)
    assert list(customer.licenses.all()) == [license_]


def test_the_database_refuses_an_account_of_an_unknown_kind():
    refused_by_the_database(lambda: Account.objects.create(slug="x", name="X", kind="partner"))


def test_the_database_refuses_an_account_without_a_name():
    refused_by_the_database(lambda: Account.objects.create(slug="x", name=""))


def test_the_database_refuses_the_same_address_in_another_case():
    User.objects.create_user("jane@signet.example")
    refused_by_the_database(lambda: User.objects.create(email="JANE@signet.example"))


def test_the_database_refuses_an_api_key_of_an_unknown_role():
    make = ApiKey.objects.create
    refused_by_the_database(lambda: make(name="x", prefix="x", token_sha256="x", role="root"))


def test_a_customer_id_is_never_chosen_and_never_the_same(make_account):
    first, second = make_account("One").customer_id, make_account("Two").customer_id
    assert first != second
    assert len(first) == 18
    assert first.startswith("C-")


def test_a_user_signs_in_by_e_mail_in_any_case(db):
    User.objects.create_user("jane@signet.example", "correct horse battery")
    assert User.objects.get_by_natural_key("Jane@Signet.example").email == "jane@signet.example"
