"""Products, plans and presets in the admin."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from history.models import Event
from licenses.models import Plan, Preset, Product

pytestmark = pytest.mark.django_db

PRODUCT = {"name": "Cockpit", "product_key": "cockpit", "slug": "cockpit", "audience": "cockpit", "algorithm": "RS256",
           "default_format": "jwt", "seat_label": "seats", "entitlement_catalogue": "[]", "active": "on"}  # fmt: skip
PLAN = {"slug": "pro", "name": "Pro", "kind": "commercial", "edition": "enterprise", "duration_days": 365, "seats": 5,
        "nodes": 0, "machines": 1, "collectors": 0, "entitlements": "sso", "warn_days": 30, "grace_days": 14,
        "billing_grace_days": 7, "trial_days": 0, "active": "on"}  # fmt: skip


def address(name, *args):
    return reverse(f"admin:licenses_{name}", args=args)


def errors(answer):
    return {name: list(found) for name, found in answer.context["adminform"].form.errors.items()}


def test_a_product_is_added_by_its_service(manager, license_manager):
    assert manager.post(address("product_add"), PRODUCT).status_code == 302
    assert Product.objects.get().audience == "cockpit"
    assert Event.objects.get(kind="product.created").actor == f"user:{license_manager.pk}"


def test_what_is_in_issued_licenses_cannot_be_changed(manager, product):
    given = {**PRODUCT, "name": "Demo 2", "slug": "demo", "audience": "other", "product_key": "other"}
    assert manager.post(address("product_change", product.pk), given).status_code == 302
    product.refresh_from_db()
    assert (product.name, product.audience, product.product_key) == ("Demo 2", "demo", "demo")


def test_a_malformed_catalogue_stands_at_its_field(manager, db):
    answer = manager.post(address("product_add"), {**PRODUCT, "entitlement_catalogue": '["sso"]'})
    assert "entitlement_catalogue" in errors(answer)


def test_a_plan_is_added_with_entitlements_as_a_list_of_slugs(manager, product):
    assert manager.post(address("plan_add"), {**PLAN, "product": product.pk}).status_code == 302
    plan = Plan.objects.get()
    assert (plan.product, plan.entitlements, plan.seats) == (product, {"sso": True}, 5)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"recurring": "on"}, "period_days"),
        ({"billing_grace_days": 91}, "billing_grace_days"),
        ({"tier_rank": 1001}, "tier_rank"),
        ({"slug": "No Slug"}, "slug"),
        ({"entitlements": "{"}, "entitlements"),
    ],
)
def test_a_bad_combination_stands_at_its_field(manager, product, given, field):
    """C19"""
    answer = manager.post(address("plan_add"), {**PLAN, "product": product.pk, **given})
    assert field in errors(answer)
    assert not Plan.objects.exists()


def test_a_changed_plan_is_one_event_that_names_the_fields(manager, enterprise):
    given = {**PLAN, "name": "Enterprise", "seats": 30, "nodes": 4, "entitlements": "sso audit"}
    assert manager.post(address("plan_change", enterprise.pk), given).status_code == 302
    assert Event.objects.get(kind="plan.changed").data["fields"] == ["seats"]


@pytest.mark.parametrize("name", ["product", "plan", "preset"])
def test_who_only_looks_changes_nothing(looker, enterprise, name):
    """D15"""
    assert looker.get(address(f"{name}_changelist")).status_code == 200
    assert looker.get(address(f"{name}_add")).status_code == 403


@pytest.mark.parametrize("name", ["product", "plan"])
def test_nothing_is_deleted(root, enterprise, name):
    row = enterprise if name == "plan" else enterprise.product
    assert root.post(address(f"{name}_delete", row.pk), {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("name", ["plan_changelist", "preset_changelist"])
def test_lists_ask_as_few_questions_for_many_rows_as_for_one(root, make_plan, name):
    for number in range(2):
        Preset.objects.create(name=f"P{number}", plan=make_plan(f"p{number}"))
    with CaptureQueriesContext(connection) as two:
        root.get(address(name))
    for number in range(2, 6):
        Preset.objects.create(name=f"P{number}", plan=make_plan(f"p{number}"))
    with CaptureQueriesContext(connection) as six:
        root.get(address(name))
    assert len(six) == len(two)
