"""The menu of the admin."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.urls import reverse

from config.kit.navigation import section_entries
from config.navigation import MENU

INDEX = reverse("admin:index")


def titles(answer):
    return {item["title"] for group in answer.context["sidebar_navigation"] for item in group["items"]}


@pytest.mark.parametrize("role", ["license manager", "issuer", "auditor", "sales", "evidence approver"])
def test_every_entry_opens_and_every_page_without_entry_is_refused(make_user, signed_in, role):
    """D15: an entry only with its permission."""
    browser = signed_in(make_user(role))
    shown = titles(browser.get(INDEX))
    for _, entries in MENU:
        for entry in entries:
            status = browser.get(reverse(entry.url)).status_code
            assert (status == 200) is (entry.title in shown), entry.title


def test_a_superadmin_sees_every_entry(signed_in, superadmin):
    settings_backend = "django.core.mail.backends.filebased.EmailBackend"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "EMAIL_BACKEND", settings_backend)
        shown = titles(signed_in(superadmin).get(INDEX))
    own = {entry.title for _, entries in MENU for entry in entries}
    assert shown == own | {entry.title for title, _ in MENU for entry in section_entries(title)}


def test_a_stranger_sees_no_menu(client, db):
    assert client.get(INDEX).status_code == 302


def test_the_page_that_is_open_is_marked_alone(signed_in, superadmin):
    answer = signed_in(superadmin).get(reverse("admin:licenses_license_test_key"))
    groups = answer.context["sidebar_navigation"]
    assert [item["title"] for group in groups for item in group["items"] if item["active"]] == [
        "New test key"
    ]
