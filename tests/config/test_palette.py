"""The command palette: what one may open and make, and what one looks for (D10, D15)."""

from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.models import SavedView
from licenses.services.catalogue import plan_create, product_create
from licenses.services.issuing import license_create

pytestmark = pytest.mark.django_db

URL = reverse("admin:palette")


def asked(browser, term=""):
    answer = browser.post(URL, {"q": term})
    assert answer.status_code == 200
    return {group["title"]: group["items"] for group in answer.json()["groups"]}


def titles(groups, name):
    return [item["title"] for item in groups.get(name, [])]


@pytest.fixture
def as_role(make_user, signed_in, clock):
    return lambda *roles: signed_in(make_user(*roles))


@pytest.fixture
def license_(customer, at):
    by = {"actor": "cli:test", "at": at}
    product = product_create(product_key="demo", name="Demo", **by)
    plan = plan_create(product=product, slug="enterprise", name="Enterprise", **by)
    return license_create(account=customer, plan=plan, origin="staff", **by)


def test_every_command_leads_to_a_page_that_opens(signed_in, superadmin, clock):
    """D15: what is offered may be opened."""
    browser = signed_in(superadmin)
    for items in asked(browser).values():
        for item in items:
            assert browser.get(item["url"]).status_code == 200, item


def test_a_manager_may_make_more_than_an_auditor(as_role):
    """D15: a missing permission is a missing command."""
    manager, auditor = asked(as_role("license manager")), asked(as_role("auditor"))
    assert titles(manager, "Create")[:3] == ["New test key", "Issue license", "New account"]
    assert titles(auditor, "Create") == []
    assert "Licenses" in titles(auditor, "Go to")


@pytest.mark.parametrize("role", ["license manager", "issuer", "billing", "support", "sales", "auditor"])
def test_a_role_is_offered_nothing_that_it_is_refused(as_role, role):
    """D15"""
    browser = as_role(role)
    for items in asked(browser).values():
        for item in items:
            assert browser.get(item["url"]).status_code == 200, item


def test_who_has_no_role_is_offered_the_first_page_only(as_role):
    """D15"""
    found = asked(as_role())
    assert titles(found, "Go to") == ["Dashboard"]
    assert titles(found, "Lists") == []


def test_ready_made_lists_and_saved_views_are_commands(signed_in, clock, auditor, license_manager):
    """D10"""
    for owner, name, shared in (
        (auditor, "Ours", True),
        (auditor, "Theirs", False),
        (license_manager, "Mine", False),
    ):
        SavedView.objects.create(
            owner=owner, page="licenses.license", name=name, shared=shared, query="ends=7"
        )
    lists = {item["title"]: item["url"] for item in asked(signed_in(license_manager))["Lists"]}
    assert {"Expiring in 30 days", "Ours", "Mine"} <= lists.keys()
    assert "Theirs" not in lists
    assert lists["Mine"] == reverse("admin:licenses_license_changelist") + "?ends=7"


@pytest.mark.parametrize("term", ["acme", "account:acme", "ACM"])
def test_an_account_and_its_licenses_are_found_by_name(as_role, license_, term):
    """D10"""
    found = asked(as_role("auditor"), term)
    assert [item["url"] for item in found["Licenses"]] == [
        reverse("admin:licenses_license_change", args=[license_.pk])
    ]
    assert titles(found, "Accounts") == ["Acme"]


def test_a_license_is_found_by_its_id(as_role, license_):
    """D10"""
    found = asked(as_role("auditor"), license_.public_id)
    assert found.keys() == {"Licenses"}
    assert license_.public_id[-8:] in found["Licenses"][0]["note"]


def test_who_may_not_see_licenses_or_accounts_finds_none(as_role, license_):
    """D15"""
    assert asked(as_role(), "acme") == {}


@pytest.mark.parametrize("term", ["a", "\x00\x00", "nobody", "<script>", "{" * 200, "id:" * 50])
def test_anything_may_be_looked_for(as_role, license_, term):
    """D10"""
    assert asked(as_role("auditor"), term) == {}


def test_an_answer_has_a_bounded_length_and_number_of_questions(
    as_role, license_, make_account, django_assert_max_num_queries
):
    """D10"""
    for number in range(9):
        make_account(f"Acme {number}")
    browser = as_role("auditor")
    with django_assert_max_num_queries(14):
        assert len(asked(browser, "acme")["Accounts"]) == 6


def test_it_is_asked_by_post_because_a_key_may_be_pasted(as_role):
    """D10"""
    browser = as_role("auditor")
    assert browser.get(URL).status_code == 405
    assert "no-store" in browser.post(URL)["Cache-Control"]


def test_strangers_are_sent_to_sign_in(client):
    """D15"""
    assert client.post(URL)["Location"].startswith(reverse("admin:login"))


def test_every_page_has_its_button_and_its_dialog(as_role):
    """D10: a combobox over a list box, as ARIA names them."""
    text = as_role("auditor").get(reverse("admin:index")).content.decode()
    assert "data-palette " in text
    for words in (
        'id="sg-palette"',
        f'data-url="{URL}"',
        'role="combobox"',
        'aria-controls="sg-palette-list"',
        'role="listbox"',
    ):
        assert words in text
    assert "searchCommand" not in text
