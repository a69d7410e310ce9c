"""What one types to find a license (D10)."""

from __future__ import annotations

import json

import pytest
from django.db.models import Q
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Account
from config.kit import ids
from licenses import searching
from licenses.models import License
from licenses.searching import is_key_text, key_reference, licenses_search

pytestmark = pytest.mark.django_db


def found(term):
    return set(licenses_search(License.objects.all(), term).rows)


def hint(term):
    return licenses_search(License.objects.all(), term).hint


@pytest.fixture
def mine(make_license, make_account):
    account = make_account("Silverline Robotics", slug="silverline-rob", email="ops@silverline.example")
    return make_license(account=account, comment="PO 4711, by phone")


@pytest.fixture(autouse=True)
def other(make_license):
    return make_license(comment="PO 42")


@pytest.mark.parametrize(
    "term",
    ["account:robot", "ACCOUNT: Silverline ", "account:silverline-rob", "email:ops@silver", "email:silverline.example",
     "comment:4711", "comment:by PHONE", "robot", "silverline-rob", "ops@silverline.example"],
)  # fmt: skip
def test_a_prefix_says_where_to_look(mine, term):
    """D10"""
    assert found(term) == {mine}


@pytest.mark.parametrize(
    "term", ["email:robot", "comment:robot", "id:robot", "key:robot", "account:4711", "4711"]
)
def test_a_prefix_looks_nowhere_else(mine, term):
    """D10: a comment is looked for only when asked to."""
    assert found(term) == set()


def test_an_id_is_found_whole_or_by_its_beginning_in_any_case(mine):
    """D10"""
    whole = mine.public_id
    for term in (whole, whole.lower(), f"id:{whole}", f"id:{whole[2:]}", f"id:{whole[:24].lower()}"):
        assert found(term) == {mine}
    assert mine in found(f"id:{whole[:6]}")


def test_a_customer_id_finds_all_its_licenses(mine, make_license):
    """D10"""
    second = make_license(account=mine.account)
    assert found(mine.account.customer_id) == found(f"account:{mine.account.customer_id}") == {mine, second}


@pytest.mark.parametrize("form", ["jwt", "lic1", "envelope"])
def test_a_key_finds_its_license_as_text_hash_and_jti(mine, issue, form):
    """D10"""
    issued = issue(mine, format=form)
    for term in (
        issued.text,
        f" {issued.text.strip()} ",
        issued.issuance.text_sha256,
        issued.issuance.jti_text,
    ):
        assert found(f"key:{term}") == {mine}
    assert found(issued.text) == found(issued.issuance.text_sha256.upper()) == {mine}


def test_a_key_in_lower_case_is_the_same_lic1_key(mine, issue):
    """D10"""
    assert found(f"key:{issue(mine, format='lic1').text.lower()}") == {mine}


def test_a_damaged_token_is_found_by_the_jti_inside_it_with_a_warning(mine, issue):
    """D10"""
    damaged = issue(mine, format="jwt").text[:-8] + "AAAAAAAA"
    assert found(f"key:{damaged}") == {mine}
    assert "verify it before" in hint(f"key:{damaged}")


def test_the_key_of_the_older_tool_finds_the_imported_license(mine):
    """D1, D10"""
    License.objects.filter(pk=mine.pk).update(origin="legacy", legacy_key="ABCD-1234-EFGH-5678")
    assert found("key:ABCD-1234-EFGH-5678") == found("ABCD-1234-EFGH-5678") == {mine}


def test_an_unknown_prefix_gets_a_hint_and_is_looked_for_as_it_stands(mine):
    """D10"""
    assert "email:, account:, key:, id:, comment:" in hint("seats:5")
    assert hint("https://silverline.example") == hint("account:robot") == ""


def test_a_prefix_alone_changes_nothing_and_says_so(mine, other):
    """D10"""
    assert found("account:") == {mine, other}
    assert "account:" in hint("account:")


@pytest.mark.parametrize("form", ["jwt", "lic1", "envelope"])
def test_a_whole_key_is_replaced_by_what_does_not_tell_it(mine, issue, form):
    """D10: the address of a list is kept in histories and logs."""
    text = issue(mine, format=form).text
    for term in (text, f"key:{text}", text.strip()):
        assert is_key_text(term)
        reference = key_reference(term)
        assert len(reference) <= 68
        assert found(reference) == {mine}


def test_a_key_that_nobody_signed_is_replaced_by_its_hash(mine, issue):
    stranger = json.dumps({"format": "signet-license/1", "payload": "x" * 80})
    assert is_key_text(stranger)
    assert key_reference(stranger) == key_reference(f"key:{stranger}")
    assert found(key_reference(stranger)) == set()


@pytest.mark.parametrize(
    "term", ["acme", "key:abc", "blue-harbor-robotics", "Dr. A. Bcd", "account:acme", ""]
)
def test_an_ordinary_search_is_no_key(term):
    assert not is_key_text(term)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(
    prefix=st.sampled_from(["", "id:", "key:", "account:", "email:", "comment:", "L-", "eyJ", "{"]),
    text=st.text(max_size=80),
)
def test_any_text_is_a_search(db, prefix, text):
    """D10"""
    term = prefix + text
    list(licenses_search(License.objects.all(), term).rows)
    if is_key_text(term):
        key_reference(term)


def test_the_name_of_a_merged_account_finds_what_moved_to_the_other(mine, make_account, at):
    """D5, D10"""
    gone = make_account("Oldname Works", email="it@oldname.example")
    Account.objects.filter(pk=gone.pk).update(merged_into=mine.account, merged_at=at)
    assert found("oldname") == found("email:it@oldname") == found(gone.customer_id) == {mine}


# --- the same rows as one naive question ------------------------------------------------------------------

WORDS = ("Summit", "Robotics", "50% off", "Ro_bo", "Žluťoučký", "O'Reilly", "GmbH")
TERMS = (
    "summit",
    "summit-robotics",
    "robot",
    "ro",
    "O'Re",
    "50%",
    "o_b",
    "zzq",
    "GMBH",
    "a1@",
    "a1",
    "-1",
    "C-",
)
"""Hits of many accounts, of few and of none; whole words, beginnings, signs of patterns, slugs and addresses."""


@pytest.fixture
def crowd(mine):
    """Three hundred licenses of sixty accounts, every seventh of which was merged into the one before."""
    accounts = [
        Account(
            name=f"{WORDS[number % 7]} {WORDS[number // 7 % 7]} {number}",
            slug=f"{'summit-robotics' * (number % 2)}a{number}",
            email=f"a{number}@{'robots' * (number % 3 == 0)}.example",
        )
        for number in range(60)
    ]
    accounts = Account.objects.bulk_create(accounts)
    for before, account in zip(accounts[5::7], accounts[6::7], strict=False):
        Account.objects.filter(pk=account.pk).update(merged_into=before)
    rows = []
    for number in range(300):
        row = License.objects.get(pk=mine.pk)
        row.pk, row.uid, row.account = None, ids.uuid7(), accounts[number * 7 % 60]
        rows.append(row)
    License.objects.bulk_create(rows)


def naively(term):
    """The licenses of every account with the text somewhere, and of whoever took such an account over."""
    lookup = "icontains" if len(term) >= 3 else "istartswith"
    wanted = (
        Q(**{f"name__{lookup}": term}) | Q(**{f"slug__{lookup}": term.lower()}) | Q(customer_id=term.upper())
    )
    if "@" in term:
        wanted |= Q(**{f"email__{lookup}": term})
    found = set(Account.objects.filter(wanted).values_list("pk", flat=True))
    heirs = Account.objects.filter(pk__in=found, merged_into__isnull=False).values_list(
        "merged_into", flat=True
    )
    return set(License.objects.filter(account__in=found | set(heirs)))


@pytest.mark.parametrize("most", [0, 5, 400])
def test_however_many_accounts_it_hits_a_search_finds_the_same(crowd, monkeypatch, most):
    """D10: a few owners are read first, many are left to the database."""
    monkeypatch.setattr(searching, "MOST_OWNERS", most)
    customer_ids = Account.objects.order_by("pk").values_list("customer_id", flat=True)[10:12]
    hits = 0
    for term in (*TERMS, *customer_ids):
        expected = naively(term)
        assert found(term) == found(f"account:{term}") == expected, term
        hits += bool(expected)
    assert hits >= 9


def test_a_search_narrows_what_filters_left(crowd):
    """D10: combined filters, with a search among them."""
    older = License.objects.order_by("pk")[99].pk
    rows = License.objects.filter(pk__lte=older)
    assert set(licenses_search(rows, "summit").rows) == {row for row in naively("summit") if row.pk <= older}
