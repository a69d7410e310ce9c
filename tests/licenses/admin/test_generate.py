"""The custom form: a license by hand, and what will be signed before the button is pressed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from accounts.models import Account
from history.models import Event
from licenses.models import Issuance, License, SigningKey
from licenses.services.catalogue import plan_update, preset_create, product_update

pytestmark = pytest.mark.django_db

ADD = reverse("admin:licenses_license_add")
PREVIEW = reverse("admin:licenses_license_preview")
LONG = '{"x": "a text that the short format cannot carry"}'
CATALOGUE = [{"slug": slug, "name": slug.upper(), "description": ""} for slug in ("sso", "audit", "projects")]


@pytest.fixture
def catalogue(product, at):
    product_update(product=product, entitlement_catalogue=CATALOGUE, actor="cli:test", at=at)
    return product


def errors(answer):
    return {name: list(found) for name, found in answer.context["form"].errors.items()}


def said(answer):
    return {line.name: line.words for line in answer.context["summary"]["lines"]}


def test_modules_are_chosen_from_the_catalogue(manager, filled_in, catalogue):
    """D6, C20: not as JSON; a module may have a value."""
    key = f"modules-{catalogue.pk}"
    manager.post(ADD, filled_in(modules="chosen", **{key: ["sso", "projects"], f"{key}-projects": "20"}))
    assert Issuance.objects.get().claims["ent"] == {"sso": True, "projects": 20}


def test_modules_stay_as_the_plan_says_unless_chosen(manager, filled_in, catalogue, enterprise):
    """D6"""
    manager.post(ADD, filled_in(modules="", **{f"modules-{catalogue.pk}": ["sso"]}))
    assert License.objects.get().entitlements == enterprise.entitlements


def test_no_module_at_all_can_be_chosen(manager, filled_in, catalogue):
    """D6"""
    manager.post(ADD, filled_in(modules="chosen"))
    assert License.objects.get().entitlements == {}


def test_the_list_and_the_text_contradict_each_other(manager, filled_in, catalogue):
    """D6"""
    given = filled_in(modules="chosen", entitlements="sso", **{f"modules-{catalogue.pk}": ["audit"]})
    assert "entitlements" in errors(manager.post(ADD, given))


def test_the_chosen_modules_stand_in_the_form_again(manager, filled_in, catalogue):
    """D6: kept input after an error."""
    given = filled_in(seats="-1", modules="chosen", **{f"modules-{catalogue.pk}": ["audit"]})
    text = manager.post(ADD, given).content.decode()
    assert 'value="audit" class="' in text
    assert text.split('value="audit"')[1].split(">")[0].endswith("checked")


@pytest.mark.parametrize(
    ("given", "end"),
    [({"days": "10"}, timedelta(days=10)), ({"perpetual": "on"}, None), ({}, timedelta(days=365))],
)
def test_the_end_is_said_in_days_or_never_or_by_the_plan(manager, filled_in, at, given, end):
    """D6"""
    manager.post(ADD, filled_in(**given))
    assert License.objects.get().expires_at == (None if end is None else at + end)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"days": "10", "expires_at": "2027-01-01T00:00"}, "days"),
        ({"days": "10", "perpetual": "on"}, "perpetual"),
        ({"days": "0"}, "days"),
        ({"days": "99999999"}, "days"),
        ({"starts_at": "2020-01-01T00:00", "expires_at": "2021-01-01T00:00"}, "expires_at"),
        ({"format": "lic1"}, "format"),
        ({"account": "", "new_name": "Acme"}, "new_name"),
        ({"account": "", "new_name": "Initech", "new_email": "nobody"}, "new_email"),
    ],
)
def test_each_refusal_stands_at_its_field(manager, filled_in, given, field):
    """D6: those of the services, too; what was typed is kept and nothing is written."""
    answer = manager.post(ADD, filled_in(entitlements=LONG, **given))
    assert field in errors(answer)
    assert answer.context["form"]["entitlements"].value() == LONG
    assert not License.objects.exists()


def test_without_a_key_that_signs_it_is_said_at_the_plan(manager, filled_in):
    """D6"""
    SigningKey.objects.update(state="retired", slot=None)
    assert "No active" in errors(manager.post(ADD, filled_in()))["plan"][0]


def test_a_plan_that_was_closed_meanwhile_is_said_at_the_plan(manager, filled_in, enterprise, at):
    """D6"""
    plan_update(plan=enterprise, active=False, actor="cli:test", at=at)
    assert "not open" in errors(manager.post(ADD, filled_in()))["plan"][0]


def test_a_plan_of_another_product_is_refused(manager, filled_in, at):
    """D6"""
    from licenses.services.catalogue import plan_create, product_create

    other = product_create(product_key="other", name="Other", actor="cli:test", at=at)
    plan_create(product=other, slug="pro", name="Pro", actor="cli:test", at=at)
    assert "not of Other" in errors(manager.post(ADD, filled_in(product=other.pk)))["plan"][0]


def test_an_account_can_be_opened_with_the_license(manager, filled_in):
    """D5, D6: both or neither."""
    manager.post(ADD, filled_in(account="", new_name="Initech", new_kind="customer"))
    assert License.objects.get().account == Account.objects.get(slug="initech")


# --- what will be signed ----------------------------------------------------------------------------


def test_the_summary_says_what_would_be_signed_and_writes_nothing(manager, filled_in):
    """D6: the very claims, from the code that signs."""
    answer = manager.post(PREVIEW, filled_in(seats=7, days=10, fingerprint="host"))
    found = said(answer)
    assert (found["seats"], found["nodes"], found["exp"]) == ("7", "4", "2026-03-12 09:30 UTC")
    assert "machine" in found["fp"] or len(found["fp"]) > 20
    assert not License.objects.exists()
    assert not Event.objects.filter(kind="license.created").exists()


def test_the_summary_equals_what_is_signed_then(manager, filled_in):
    """D6"""
    from licenses.domain.claim_words import claim_lines

    given = filled_in(seats=7, quantity=3, entitlements="sso")
    before = said(manager.post(PREVIEW, given))
    manager.post(ADD, given)
    after = {line.name: line.words for line in claim_lines(Issuance.objects.get().claims)}
    assert before == {name: after[name] for name in before}


def test_the_summary_names_what_is_missing(manager, filled_in):
    """D6"""
    answer = manager.post(PREVIEW, filled_in(account="", plan="", seats="-1"))
    assert [label for label, _ in answer.context["summary"]["missing"]] == ["Account", "Plan", "Seats"]


def test_the_summary_names_what_the_services_would_refuse(manager, filled_in):
    answer = manager.post(PREVIEW, filled_in(perpetual="on", kind="trial"))
    assert answer.context["summary"]["missing"]


def test_the_summary_of_a_new_account_opens_none(manager, filled_in):
    """D5"""
    answer = manager.post(PREVIEW, filled_in(account="", new_name="Initech"))
    assert "opened with it" in answer.content.decode()
    assert not Account.objects.filter(slug="initech").exists()


def test_the_summary_warns_of_a_kind_that_one_may_not_create(tester, filled_in):
    """D15"""
    assert "You may not create commercial" in tester.post(PREVIEW, filled_in()).content.decode()


def test_the_summary_is_for_who_makes_licenses_and_by_post(looker, manager, filled_in):
    """D15"""
    assert looker.post(PREVIEW, filled_in()).status_code == 403
    assert manager.get(PREVIEW).status_code == 405


# --- prefilled --------------------------------------------------------------------------------------


def test_a_preset_fills_in_its_modules(manager, enterprise, catalogue, at):
    """D9"""
    preset = preset_create(
        name="Big", plan=enterprise, kind="commercial", actor="cli:test", at=at,
        defaults={"seats": 250, "days": 90, "entitlements": {"sso": True, "projects": 5}},
    )  # fmt: skip
    form = manager.get(ADD, {"preset": preset.pk}).context["form"]
    modules = form["modules"].value()
    assert (form["seats"].value(), form["days"].value(), form["plan"].value()) == (250, 90, enterprise.pk)
    assert (modules.mode, modules.of(catalogue)) == ("chosen", {"sso": True, "projects": 5})


@pytest.mark.parametrize(
    "query", [{"preset": "x"}, {"preset": "9" * 40}, {"account": "9" * 40}, {"account": "x"}]
)
def test_nonsense_in_the_address_is_no_error(manager, enterprise, query):
    assert manager.get(ADD, query).status_code == 200


def test_what_the_plans_say_is_at_hand_for_the_page(manager, enterprise):
    """D6: the defaults of the plan stand where a field is empty."""
    facts = manager.get(ADD).context["plan_facts"][str(enterprise.pk)]
    assert (facts["seats"], facts["days"], facts["entitlements"]) == (
        "25",
        "365",
        {"sso": True, "audit": True},
    )


def test_the_form_asks_as_few_questions_for_many_plans_as_for_two(
    manager, make_plan, django_assert_max_num_queries
):
    for number in range(10):
        make_plan(f"p{number}")
    with django_assert_max_num_queries(16):
        manager.get(ADD)
