"""Accounts as people name them."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Account
from accounts.naming import account_called, accounts_named
from config.kit.errors import Invalid

pytestmark = pytest.mark.django_db


def code_of(text):
    with pytest.raises(Invalid) as refused:
        account_called(text)
    return refused.value.errors[0].code


def test_slug_customer_id_email_and_name_each_find_the_account(make_account):
    """D6"""
    acme = make_account("Acme Works", slug="acme", email="Ops@Acme.example")
    for text in ("acme", "ACME", acme.customer_id.lower(), "ops@acme.EXAMPLE", "Acme Works"):
        assert account_called(text) == acme


def test_a_slug_comes_before_a_name(make_account):
    make_account("globex", slug="other")
    right = make_account("Something", slug="globex")
    assert account_called("globex") == right


def test_nobody_is_guessed(make_account):
    """D3: a part of a name finds nothing."""
    make_account("Acme Works", slug="acme")
    assert code_of("Acm") == code_of("") == code_of("\x00") == "unknown_account"


def test_what_means_several_is_asked_back(make_account):
    """D3: with the slugs to choose from."""
    for slug in ("one", "two"):
        make_account("Twins", slug=slug, email="it@twins.example")
    assert code_of("Twins") == code_of("it@twins.example") == "ambiguous_account"


def test_a_merged_account_says_into_which(make_account, at):
    gone, kept = make_account("Gone"), make_account("Kept")
    Account.objects.filter(pk=gone.pk).update(merged_into=kept, merged_at=at)
    with pytest.raises(Invalid, match="merged into Kept"):
        account_called("gone")


def test_a_list_takes_three_queries(make_account, django_assert_max_num_queries):
    names = [make_account(f"Customer {number}").slug for number in range(20)]
    with django_assert_max_num_queries(3):
        found = accounts_named([*names, "x@y.example", "Nobody"])
    assert set(found) == set(names)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(text=st.text(max_size=30))
def test_any_text_finds_or_does_not(db, text):
    accounts_named([text])
