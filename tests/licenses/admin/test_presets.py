"""The presets behind the quick buttons: edited as fields, ordered by buttons."""

from __future__ import annotations

import pytest
from django.urls import reverse

from history.models import Event
from licenses.models import Preset
from licenses.services.catalogue import preset_create, preset_move, product_update

pytestmark = pytest.mark.django_db

LIST = reverse("admin:licenses_preset_changelist")
ADD = reverse("admin:licenses_preset_add")
CATALOGUE = [{"slug": slug, "name": slug.upper(), "description": ""} for slug in ("sso", "audit", "projects")]


@pytest.fixture
def given(enterprise):
    """Return what the form posts: `given(days=7)`."""

    def make(**fields):
        return {"name": "Laptop", "plan": enterprise.pk, "kind": "test", "active": "on", **fields}

    return make


@pytest.fixture
def three(enterprise, at):
    return [preset_create(name=name, plan=enterprise, position=0, actor="cli:test", at=at) for name in "ABC"]


def errors(answer):
    return {name: list(found) for name, found in answer.context["form"].errors.items()}


def names():
    return "".join(Preset.objects.values_list("name", flat=True))


def move(browser, preset, way):
    return browser.post(reverse("admin:licenses_preset_move", args=[preset.pk]), {way: "1"})


def test_terms_are_fields(manager, license_manager, given):
    """D9: an administrator edits them; an empty field is as the plan says, and 0 is unlimited."""
    assert manager.post(ADD, given(days=7, seats=0, nodes=2)).status_code == 302
    preset = Preset.objects.get()
    assert preset.defaults == {"days": 7, "seats": 0, "nodes": 2}
    event = Event.objects.get(kind="preset.created")
    assert (event.subject, event.actor) == (f"preset:{preset.pk}", f"user:{license_manager.pk}")


def test_modules_are_chosen_from_the_catalogue(manager, given, product, at):
    """D9, C20"""
    product_update(product=product, entitlement_catalogue=CATALOGUE, actor="cli:test", at=at)
    chosen = {f"modules-{product.pk}": ["sso", "projects"], f"modules-{product.pk}-projects": "20"}
    assert manager.post(ADD, given(modules="chosen", **chosen)).status_code == 302
    assert Preset.objects.get().defaults == {"entitlements": {"sso": True, "projects": 20}}


def test_what_was_saved_stands_in_the_fields_again(manager, given, product, page, at):
    """D9"""
    product_update(product=product, entitlement_catalogue=CATALOGUE, actor="cli:test", at=at)
    manager.post(ADD, given(days=7, modules="chosen", **{f"modules-{product.pk}": ["sso"]}))
    preset = Preset.objects.get()
    form = manager.get(page(preset)).context["form"]
    assert (form["days"].value(), form["name"].value()) == (7, "Laptop")
    manager.post(page(preset), given(days=14, modules="chosen", **{f"modules-{product.pk}": ["sso"]}))
    preset.refresh_from_db()
    assert preset.defaults == {"days": 14, "entitlements": {"sso": True}}
    assert Event.objects.get(kind="preset.changed").data["fields"] == ["defaults"]


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ({"name": ""}, "name"),
        ({"plan": ""}, "plan"),
        ({"seats": "-1"}, "seats"),
        ({"days": "99999999"}, "days"),
        ({"days": "7", "perpetual": "on"}, "perpetual"),
        ({"kind": "trial"}, "kind"),
        ({"grace_days": "9999"}, "grace_days"),
        ({"prefer_online": "on"}, "online_url"),
        ({"entitlements": "{"}, "entitlements"),
    ],
)
def test_terms_that_make_no_license_are_refused_at_their_field(manager, given, bad, field):
    """D9: when the preset is saved, not when its button is pressed."""
    answer = manager.post(ADD, given(**bad))
    assert field in errors(answer)
    assert not Preset.objects.exists()


def test_two_of_one_name_are_refused(manager, given):
    manager.post(ADD, given())
    assert "exists" in str(errors(manager.post(ADD, given())))


def test_a_new_one_stands_at_the_end(manager, given, three):
    """D9"""
    manager.post(ADD, given(name="D"))
    assert names() == "ABCD"


@pytest.mark.parametrize(
    ("place", "way", "after"), [(1, "up", "BAC"), (1, "down", "ACB"), (0, "up", "ABC"), (2, "down", "ABC")]
)
def test_buttons_move_it_one_place(manager, three, place, way, after):
    """D9: reordered by buttons that the keyboard reaches, and the focus stays on the one pressed."""
    answer = move(manager, three[place], way)
    assert names() == after
    assert answer["Location"] == f"{LIST}#preset-{three[place].pk}-{way}"


@pytest.mark.parametrize(
    ("place", "side", "other", "after"),
    [
        (0, "below", 2, "BCA"), (0, "above", 2, "BAC"), (2, "above", 0, "CAB"), (2, "below", 0, "ACB"),
        (0, "above", 1, "ABC"), (1, "below", 0, "ABC"), (1, "above", 1, "ABC"),
    ],
)  # fmt: skip
def test_it_is_put_beside_another(manager, three, place, side, other, after):
    """D9: what dragging sends; one event where the order changed, none where it did not."""
    url = reverse("admin:licenses_preset_move", args=[three[place].pk])
    answer = manager.post(url, {side: three[other].pk})
    assert names() == after
    assert answer["Location"] == f"{LIST}#preset-{three[place].pk}-up"
    assert Event.objects.filter(kind="preset.changed").count() == (after != "ABC")


@pytest.mark.parametrize("other", ["", "x", "0", "9" * 30])
def test_it_is_not_put_beside_what_is_not_there(manager, looker, three, other):
    """D9, D15"""
    url = reverse("admin:licenses_preset_move", args=[three[0].pk])
    assert manager.post(url, {"below": other}).status_code == 404
    assert looker.post(url, {"below": three[2].pk}).status_code == 403
    assert names() == "ABC"


def test_a_move_is_one_event(three, at):
    """D9"""
    preset_move(preset=three[2], up=True, actor="cli:test", at=at)
    preset_move(preset=three[0], up=True, actor="cli:test", at=at)
    event = Event.objects.get(kind="preset.changed")
    assert event.data == {"fields": ["position"], "position": 2}


def test_the_list_has_the_buttons_for_who_may_use_them(manager, looker, three):
    """D15: no permission, no button, 403."""
    assert f'id="preset-{three[0].pk}-up"' in manager.get(LIST).content.decode()
    assert "formaction" not in looker.get(LIST).content.decode()
    assert move(looker, three[0], "down").status_code == 403
    assert names() == "ABC"


def test_who_only_looks_sees_the_terms_and_no_form(looker, three, page):
    """D15"""
    answer = looker.get(page(three[0]))
    assert answer.status_code == 200
    assert "as the plan says" in answer.content.decode()
    assert looker.post(page(three[0]), {"name": "X"}).status_code == 403
    assert looker.get(ADD).status_code == 403


def test_a_preset_of_a_closed_plan_can_still_be_edited(manager, given, three, enterprise, page):
    enterprise.archived = True
    enterprise.save()
    assert manager.post(page(three[0]), given(name="A", active="")).status_code == 302
    three[0].refresh_from_db()
    assert three[0].active is False


@pytest.mark.parametrize("pk", ["0", "x", "9" * 30])
def test_an_unknown_preset_is_not_found(manager, db, pk):
    assert manager.get(f"{LIST}{pk}/change/").status_code == 404
