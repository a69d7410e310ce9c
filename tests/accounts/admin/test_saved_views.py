"""Saved views above a list, through the list of licenses (D10)."""

from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.models import SavedView

pytestmark = pytest.mark.django_db

LIST = reverse("admin:licenses_license_changelist")
SAVE = reverse("admin:licenses_license_view_save")
QUERY = "ends=30&kind__exact=test&o=11"


def edit(view):
    return reverse("admin:licenses_license_view_edit", args=[view.pk])


def views(browser, query=""):
    lines = browser.get(f"{LIST}?{query}").context["list_head"]["views"]
    return [(line.view.name, line.mine, line.active) for line in lines]


@pytest.fixture
def manager(signed_in, license_manager, clock):
    return signed_in(license_manager)


@pytest.fixture
def looker(signed_in, auditor, clock):
    return signed_in(auditor)


@pytest.fixture
def view(license_manager):
    return SavedView.objects.create(
        owner=license_manager, page="licenses.license", name="Trial ends", query=QUERY
    )


def test_filters_search_and_order_are_saved_and_the_page_is_not(manager, license_manager):
    """D10"""
    answer = manager.post(f"{SAVE}?o=11&p=last&kind__exact=test&ends=30&account=&e=1", {"name": "Trial ends"})
    view = SavedView.objects.get()
    assert (view.owner, view.name, view.query, view.shared) == (license_manager, "Trial ends", QUERY, False)
    assert answer["Location"] == f"{LIST}?{QUERY}"


def test_a_view_leads_to_its_list_and_knows_when_it_is_open(manager, view):
    """D10"""
    assert views(manager, QUERY) == [("Trial ends", True, True)]
    assert views(manager) == [("Trial ends", True, False)]
    assert f'href="?{QUERY.replace("&", "&amp;")}"' in manager.get(LIST).content.decode()


def test_a_view_is_a_file_too(manager, view):
    """D10: CSV export, from saved views as well."""
    line = manager.get(LIST).context["list_head"]["views"][0]
    assert line.export_url.endswith(f"/export/?{QUERY}")
    assert manager.get(line.export_url).status_code == 200


def test_others_see_a_view_when_it_is_shared(looker, view):
    """D10"""
    assert views(looker) == []
    SavedView.objects.update(shared=True)
    assert views(looker) == [("Trial ends", False, False)]


def test_a_shared_view_is_changed_by_its_owner_only(looker, view):
    """D10"""
    assert looker.get(edit(view)).status_code == 404
    SavedView.objects.update(shared=True)
    assert looker.get(edit(view)).status_code == 403
    assert looker.post(edit(view), {"delete": "1"}).status_code == 403
    assert SavedView.objects.exists()


def test_a_superadmin_removes_a_shared_view(signed_in, superadmin, view):
    """D10: when its owner has left nobody else could."""
    root = signed_in(superadmin)
    assert root.get(edit(view)).status_code == 404
    SavedView.objects.update(shared=True)
    assert "Delete this view" in root.get(edit(view)).content.decode()
    root.post(edit(view), {"delete": "1"})
    assert not SavedView.objects.exists()


def test_the_owner_renames_and_shares(manager, view):
    """D10"""
    answer = manager.post(f"{edit(view)}?{QUERY}", {"name": "Ends soon", "shared": "on"})
    view.refresh_from_db()
    assert (view.name, view.shared, view.query) == ("Ends soon", True, QUERY)
    assert answer["Location"] == f"{LIST}?{QUERY}"


def test_a_view_takes_over_the_present_filters_when_asked_to(manager, view):
    """D10"""
    manager.post(f"{edit(view)}?ends=7", {"name": "Trial ends"})
    assert SavedView.objects.get().query == QUERY
    manager.post(f"{edit(view)}?ends=7", {"name": "Trial ends", "replace": "on"})
    assert SavedView.objects.get().query == "ends=7"


def test_the_owner_deletes_and_stays_where_they_were(manager, view):
    """D10"""
    assert manager.post(f"{edit(view)}?ends=7", {"delete": "1"})["Location"] == f"{LIST}?ends=7"
    assert not SavedView.objects.exists()


def test_a_name_that_is_taken_stands_at_its_field(manager, view):
    """D10"""
    answer = manager.post(f"{SAVE}?ends=7", {"name": "Trial ends"})
    assert "name already" in str(answer.context["form"].errors["name"])


def test_a_list_too_long_to_keep_is_told_at_the_name(manager):
    """D10"""
    answer = manager.post(f"{SAVE}?q={'x' * 2000}", {"name": "Long"})
    assert answer.context["form"].errors["name"]


def test_the_name_of_a_view_is_shown_as_text(manager, view):
    SavedView.objects.update(name="<script>alert(1)</script>")
    text = manager.get(LIST).content.decode() + manager.get(edit(view)).content.decode()
    assert "<script>alert(1)" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_views_of_a_list_are_for_who_may_open_it(signed_in, make_user, view):
    """D15"""
    stranger = signed_in(make_user())
    assert stranger.get(SAVE).status_code == 403
    assert stranger.get(edit(view)).status_code == 403


def test_a_view_of_another_list_is_none_of_this_one(manager, view):
    SavedView.objects.update(page="accounts.account")
    assert views(manager) == []
    assert manager.get(edit(view)).status_code == 404
