"""Lists under a name: kept once a person and list, changed by their owner only."""

from __future__ import annotations

import pytest

from accounts.models import SavedView
from accounts.services.saved_views import (
    MOST,
    NotYourView,
    ViewNameTaken,
    saved_view_create,
    saved_view_delete,
    saved_view_update,
)
from config.kit.errors import Invalid

pytestmark = pytest.mark.django_db

PAGE = "licenses.license"


@pytest.fixture
def save(license_manager, at):
    def make(name="Mine", query="kind__exact=test", owner=None, **fields):
        return saved_view_create(
            owner=owner or license_manager, page=PAGE, name=name, query=query, at=at, **fields
        )

    return make


def test_a_view_keeps_name_query_and_owner(save, license_manager, at):
    """D10"""
    view = save(" Test keys ", shared=True)
    assert (view.owner, view.page, view.name) == (license_manager, PAGE, "Test keys")
    assert (view.query, view.shared, view.created_at) == ("kind__exact=test", True, at)


def test_views_stand_in_the_order_in_which_they_were_saved(save):
    """D10"""
    save("b"), save("a")
    assert list(SavedView.objects.values_list("name", flat=True)) == ["b", "a"]


def test_a_name_is_taken_once_a_person(save, auditor):
    """D10"""
    save()
    with pytest.raises(ViewNameTaken):
        save()
    assert save(owner=auditor).name == "Mine"


@pytest.mark.parametrize(
    ("name", "query"),
    [("", "a=1"), ("   ", "a=1"), ("x" * 61, "a=1"), ("x\x00", "a=1"), ("x", "q=" + "x" * 2000)],
)
def test_what_cannot_be_kept_is_refused(save, name, query):
    """D10"""
    with pytest.raises(Invalid):
        save(name, query)
    assert not SavedView.objects.exists()


def test_there_is_an_end_to_how_many(save, license_manager, at):
    """D10"""
    SavedView.objects.bulk_create(
        SavedView(owner=license_manager, page=PAGE, name=f"{n}", created_at=at) for n in range(MOST)
    )
    with pytest.raises(Invalid, match="delete one first"):
        save()


def test_the_owner_renames_shares_and_refills(save, license_manager):
    """D10"""
    view = saved_view_update(
        view=save(), by=license_manager, changes={"name": "Ours", "shared": True, "query": "ends=7"}
    )
    view.refresh_from_db()
    assert (view.name, view.shared, view.query) == ("Ours", True, "ends=7")


def test_a_name_that_is_taken_changes_nothing(save, license_manager):
    """D10"""
    save("a")
    view = save("b")
    with pytest.raises(ViewNameTaken):
        saved_view_update(view=view, by=license_manager, changes={"name": "a"})
    assert SavedView.objects.get(pk=view.pk).name == "b"


def test_owner_and_list_of_a_view_stay(save, license_manager):
    with pytest.raises(Invalid):
        saved_view_update(view=save(), by=license_manager, changes={"page": "accounts.account"})


def test_nobody_else_changes_or_deletes_a_view(save, auditor):
    """D10: shared, too."""
    view = save(shared=True)
    for service in (lambda: saved_view_update(view=view, by=auditor, changes={"name": "x"}),
                    lambda: saved_view_delete(view=view, by=auditor)):  # fmt: skip
        with pytest.raises(NotYourView):
            service()
    assert SavedView.objects.get().name == "Mine"


def test_a_superadmin_minds_what_is_shared(save, superadmin):
    """D10: its owner may have left. What somebody keeps for themselves stays theirs."""
    own = save()
    with pytest.raises(NotYourView):
        saved_view_delete(view=own, by=superadmin)
    shared = save("Ours", shared=True)
    saved_view_update(view=shared, by=superadmin, changes={"name": "All"})
    saved_view_delete(view=shared, by=superadmin)
    assert list(SavedView.objects.all()) == [own]


def test_the_owner_deletes_a_view(save, license_manager):
    """D10"""
    saved_view_delete(view=save(), by=license_manager)
    assert not SavedView.objects.exists()
