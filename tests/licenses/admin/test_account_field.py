"""Choosing an account by typing."""

from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.models import Account
from licenses.models import License

pytestmark = pytest.mark.django_db

PAGE = reverse("admin:licenses_license_test_key")
SUGGESTIONS = reverse("admin:licenses_license_accounts")


@pytest.fixture
def office(customer, enterprise, signing):
    """An account, a plan, keys."""


def labels(answer):
    return [row["label"] for row in answer.json()["results"]]


@pytest.mark.parametrize("text", ["acme", "ACME", "Acme", "Acme (acme)", " acme "])
def test_what_is_typed_is_resolved_without_scripts(tester, office, customer, text):
    """D3, D8"""
    tester.post(PAGE, {"account": "", "account_text": text})
    assert License.objects.get().account == customer


def test_a_text_that_was_typed_over_comes_before_the_old_choice(tester, office, customer, prospect):
    """D3: without scripts the hidden key does not follow the text."""
    tester.post(PAGE, {"account": customer.pk, "account_text": "globex"})
    assert License.objects.get().account == prospect


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"account_text": "Acm"}, "There is no account"),
        ({"account": "999999"}, "no such account"),
        ({"account": "x"}, "no such account"),
        ({"account": "9" * 40}, "no such account"),
        ({}, "Choose an account"),
    ],
)
def test_what_is_no_account_is_said_at_the_field(tester, office, given, words):
    """D3: and nothing is guessed."""
    answer = tester.post(PAGE, {"account": "", **given})
    assert words in str(answer.context["form"].errors["account"])
    assert not License.objects.exists()


def test_what_was_typed_stands_in_the_field_again(tester, office):
    answer = tester.post(PAGE, {"account": "", "account_text": '"><script>alert(1)</script>'})
    text = answer.content.decode()
    assert "&quot;&gt;&lt;script&gt;" in text
    assert "<script>alert" not in text


def test_a_merged_account_is_not_chosen(tester, office, customer, prospect, at):
    """D5"""
    Account.objects.filter(pk=prospect.pk).update(merged_into=customer, merged_at=at)
    answer = tester.post(PAGE, {"account": prospect.pk})
    assert "merged into Acme" in str(answer.context["form"].errors["account"])
    assert labels(tester.get(SUGGESTIONS, {"q": "glob"})) == []


def test_suggestions_are_those_with_the_text_in_their_name(tester, office, make_account):
    """D8"""
    make_account("Acme Works", slug="works", email="it@works.example")
    assert labels(tester.get(SUGGESTIONS, {"q": "acm"})) == ["Acme (acme)", "Acme Works (works)"]
    assert labels(tester.get(SUGGESTIONS, {"q": "it@works"})) == ["Acme Works (works)"]


def test_suggestions_are_few(tester, make_account):
    for number in range(12):
        make_account(f"Customer {number}")
    assert len(labels(tester.get(SUGGESTIONS, {"q": "customer"}))) == 10


def test_without_a_text_the_accounts_of_late_are_suggested(tester, office, customer, prospect):
    """D8: the last one first."""
    for account in (customer, prospect, customer):
        tester.post(PAGE, {"account": account.pk})
    answer = tester.get(SUGGESTIONS)
    assert answer.json()["recent"] is True
    assert labels(answer) == ["Acme (acme)", "Globex (globex)"]


def test_suggestions_are_for_who_makes_licenses(looker, client, customer):
    """D15"""
    assert looker.get(SUGGESTIONS, {"q": "acme"}).status_code == 403
    assert client.get(SUGGESTIONS, {"q": "acme"}).status_code == 302


@pytest.mark.parametrize("text", ["%", "_", "\\", "'", "\x00", "\u202e", "a" * 500])
def test_any_text_may_be_looked_for(tester, customer, text):
    assert tester.get(SUGGESTIONS, {"q": text}).status_code == 200
