"""What the license office adds to the page of an account."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.django_db


def test_an_account_leads_to_its_licenses_and_to_a_new_one(manager, license_, make_license, prospect, page):
    """D5: see an account's licenses."""
    make_license(account=prospect)
    text = manager.get(page(license_.account)).content.decode()
    assert 'href="/admin/licenses/license/?account=acme"' in text
    answer = manager.get("/admin/licenses/license/?account=acme")
    assert [row.pk for row in answer.context["cl"].result_list] == [license_.pk]
    assert f'href="/admin/licenses/license/add/?account={license_.account.pk}"' in text


def test_who_may_create_nothing_has_no_button(looker, license_, page):
    """D15"""
    answer = looker.get(page(license_.account))
    assert not answer.context["buttons"]
    assert "?account=acme" in answer.content.decode()


def test_the_tab_shows_the_newest_licenses(looker, license_, page):
    """D5"""
    text = looker.get(f"{page(license_.account)}?tab=licenses").content.decode()
    assert license_.public_id[-8:] in text
    assert "Enterprise" in text
