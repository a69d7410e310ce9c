"""Roles in the admin: to look at."""

from __future__ import annotations

import re

import pytest
from django.urls import NoReverseMatch, reverse

from accounts import roles
from accounts.models import Role

pytestmark = pytest.mark.django_db

LIST = reverse("admin:accounts_role_changelist")


def test_a_role_says_what_it_may_do_and_who_holds_it(signed_in, auditor):
    """D15: the permission catalogue is visible."""
    role = Role.objects.get(name="auditor")
    content = signed_in(auditor).get(reverse("admin:accounts_role_change", args=[role.pk])).content.decode()
    assert "View event" in content
    assert auditor.name in content


def test_even_a_superadmin_changes_no_role_by_hand(signed_in, superadmin):
    role = Role.objects.get(name="auditor")
    browser = signed_in(superadmin)
    assert browser.get(LIST).status_code == 200
    assert browser.post(reverse("admin:accounts_role_change", args=[role.pk]), {}).status_code == 403


def test_other_staff_do_not_see_roles(signed_in, issuer):
    assert signed_in(issuer).get(LIST).status_code == 403


def test_django_s_own_group_pages_are_gone():
    with pytest.raises(NoReverseMatch):
        reverse("admin:auth_group_changelist")


def test_the_list_is_a_matrix_of_roles_and_permissions(signed_in, auditor):
    """D15: readable, complete, and equal to what the groups hold."""
    answer = signed_in(auditor).get(LIST)
    names = [role.name for role, *_ in answer.context["roles"]]
    lines = {
        line: dict(zip(names, cells, strict=True))
        for _, area in answer.context["areas"]
        for line, cells in area
    }
    revoke = lines["Revoke licenses"]
    assert [name for name, may in revoke.items() if may] == ["license manager"]
    assert not any(lines["Give and take roles"].values())


def test_every_role_has_a_sentence():
    assert set(roles.DESCRIPTIONS) == set(roles.PERMISSIONS)


def test_the_number_of_holders_leads_to_them(signed_in, auditor, make_user):
    make_user("auditor", email="second@signet.example")
    browser = signed_in(auditor)
    holders = {role.name: link for role, link, *_ in browser.get(LIST).context["roles"]}["auditor"]
    url, number = re.fullmatch('<a href="([^"]+)" class="text-link">([0-9]+)</a>', holders).groups()
    answer = browser.get(url.replace("&amp;", "&"))
    assert answer.context["cl"].result_count == int(number) == 2


def test_the_matrix_takes_few_queries(signed_in, auditor, django_assert_max_num_queries):
    browser = signed_in(auditor)
    with django_assert_max_num_queries(12):
        browser.get(LIST)
