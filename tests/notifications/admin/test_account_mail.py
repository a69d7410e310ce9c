"""What mail adds to the page of an account."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.django_db


def test_the_tab_lists_the_mail_of_the_account(manager, queue, customer, make_account, page):
    queue(account=customer)
    queue(account=make_account("Globex"), dedupe_key="two", to="bob@globex.example")
    text = manager.get(f"{page(customer)}?tab=mail").content.decode()
    assert "ada@acme.example" in text
    assert "bob@globex.example" not in text
    assert "?account=acme" in text


def test_without_mail_it_says_so(manager, customer, page):
    assert "Nothing was mailed" in manager.get(f"{page(customer)}?tab=mail").content.decode()


def test_who_may_not_see_mail_has_no_tab(as_role, clock, customer, page):
    assert "?tab=mail" not in as_role("billing").get(page(customer)).content.decode()
