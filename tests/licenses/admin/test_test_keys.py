"""The quick test key and the preset buttons."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from accounts.models import Account
from licenses.models import Issuance, License, Preset
from licenses.services.catalogue import plan_update, preset_create, product_create

pytestmark = pytest.mark.django_db

PAGE = reverse("admin:licenses_license_test_key")
MENU = reverse("admin:index")


@pytest.fixture
def make_preset(enterprise, at):
    def make(**fields):
        return preset_create(
            **{"name": "Laptop", "plan": enterprise, "actor": "cli:test", "at": at, **fields}
        )

    return make


def test_the_menu_leads_to_the_page(tester):
    """D8: the first click."""
    assert f'href="{PAGE}"' in tester.get(MENU).content.decode()


@pytest.mark.usefixtures("enterprise", "signing")
def test_an_account_and_one_press_give_a_test_key(tester, issuer, customer, at):
    """D8: 30 days, 1 seat, 1 node, kind test in the payload."""
    assert tester.post(PAGE, {"account": customer.pk}).status_code == 302
    row = License.objects.get()
    assert (row.kind, row.seats, row.nodes, row.expires_at) == ("test", 1, 1, at + timedelta(days=30))
    assert (row.account, row.creator) == (customer, issuer)
    assert Issuance.objects.get().claims["kind"] == "test"


def test_after_the_press_the_key_is_at_hand(tester, customer, enterprise, signing):
    """D8"""
    answer = tester.post(PAGE, {"account": customer.pk}, follow=True)
    assert "data-key-now" in answer.content.decode()


def test_it_is_cut_from_the_plan_that_is_for_trials(tester, customer, enterprise, trial, signing):
    tester.post(PAGE, {"account": customer.pk})
    assert License.objects.get().plan == trial


def test_the_product_can_be_chosen_when_there_are_several(tester, customer, enterprise, signing, at):
    product_create(product_key="closed", name="Without plans", actor="cli:test", at=at)
    form = tester.get(PAGE).context["form"]
    assert [row.product_key for row in form.fields["product"].queryset] == ["demo"]
    tester.post(PAGE, {"account": customer.pk, "product": enterprise.product_id})
    assert License.objects.get().product == enterprise.product


def test_without_an_account_nothing_is_made(tester, enterprise, signing):
    """D3"""
    answer = tester.post(PAGE, {"account": ""})
    assert "account" in answer.context["form"].errors
    assert not License.objects.exists()


def test_without_an_open_plan_it_says_so(tester, customer, enterprise, signing, at):
    plan_update(plan=enterprise, active=False, actor="cli:test", at=at)
    answer = tester.post(PAGE, {"account": customer.pk})
    assert "No plan is open" in str(answer.context["form"].errors)


def test_who_may_not_create_test_licenses_has_neither_page_nor_entry(looker):
    """D15"""
    assert looker.get(PAGE).status_code == 403
    assert f'href="{PAGE}"' not in looker.get(MENU).content.decode()


def test_a_preset_for_tests_creates_at_once(tester, customer, make_preset, signing, at):
    """D9"""
    preset = make_preset(defaults={"days": 7, "seats": 3})
    tester.post(PAGE, {"account": customer.pk, "preset": preset.pk})
    row = License.objects.get()
    assert (row.kind, row.seats, row.expires_at) == ("test", 3, at + timedelta(days=7))


def test_any_other_preset_fills_in_the_form(manager, customer, make_preset, signing):
    """D9"""
    preset = make_preset(kind="commercial", defaults={"seats": 250})
    answer = manager.post(PAGE, {"account": customer.pk, "preset": preset.pk}, follow=True)
    form = answer.context["form"]
    assert (form["seats"].value(), form["kind"].value()) == (250, "commercial")
    assert (form["account"].value(), form["plan"].value()) == (str(customer.pk), preset.plan_id)
    assert not License.objects.exists()


def test_presets_stand_in_their_order_and_inactive_ones_not_at_all(tester, make_preset):
    """D9"""
    make_preset(name="Second", position=2)
    make_preset(name="First", position=1)
    make_preset(name="Off", active=False)
    assert [preset.name for preset, _ in tester.get(PAGE).context["presets"]] == ["First", "Second"]


def test_the_terms_of_a_bad_preset_are_a_message(tester, customer, make_preset, signing):
    preset = make_preset()
    Preset.objects.update(defaults={"colour": "red"})  # as an older release may have left it
    answer = tester.post(PAGE, {"account": customer.pk, "preset": preset.pk})
    assert "colour" in str(answer.context["form"].errors)


def test_the_bench_comes_back_with_the_key_and_the_account(tester, customer, enterprise, signing):
    """D8: one more of the same is one click."""
    answer = tester.post(PAGE, {"account": customer.pk}, follow=True)
    row = License.objects.get()
    assert (answer.context["made"], answer.context["form"]["account"].value()) == (row, customer.pk)
    text = answer.content.decode()
    assert f'value="{customer.name} ({customer.slug})"' in text
    assert reverse("admin:licenses_issuance_text", args=[Issuance.objects.get().pk]) in text


def test_the_key_is_fetched_by_the_bench_once(tester, customer, enterprise, signing):
    answer = tester.post(PAGE, {"account": customer.pk}, follow=True)
    again = tester.get(answer.redirect_chain[-1][0])
    assert "data-key-now" not in again.content.decode()


@pytest.mark.parametrize("role", ["sales", "issuer"])
def test_who_makes_test_keys_reads_them_and_no_other(
    as_role, make_license, issue, customer, page, clock, role
):
    """D15: of what was sold neither text nor button."""
    browser = as_role(role)
    answer = browser.post(PAGE, {"account": customer.pk}, follow=True)
    assert "data-key-url" in answer.content.decode()
    sold = make_license()
    issue(sold)
    for row, status in ((License.objects.get(kind="test"), 200), (sold, 403)):
        issuance = row.issuances.get()
        for address in (reverse("admin:licenses_issuance_text", args=[issuance.pk]), page(row, "key_text")):
            assert browser.post(address).status_code == status
        assert ("data-key-url" in browser.get(page(row)).content.decode()) is (status == 200)


def test_a_key_that_is_not_kept_is_shown_at_once(tester, customer, enterprise, signing, settings):
    """E2"""
    settings.KEEP_ARTIFACTS = False
    answer = tester.post(PAGE, {"account": customer.pk})
    assert answer.context["text"].count(".") == 2
    assert "no-store" in answer.headers["Cache-Control"]


def test_an_account_can_be_opened_with_its_first_key(as_role, enterprise, signing, clock):
    """D5, D8: inline, both or neither."""
    as_role("sales").post(PAGE, {"account": "", "new_name": "Initech", "new_kind": "prospect"})
    row = License.objects.select_related("account").get()
    assert (row.account.name, row.account.kind, row.account.slug) == ("Initech", "prospect", "initech")


def test_without_a_key_that_signs_no_account_is_opened_either(as_role, enterprise, clock):
    """D5: the refusal leaves nothing, and what was typed stands in the form again."""
    answer = as_role("sales").post(PAGE, {"new_name": "Initech", "new_kind": "customer"})
    assert "No active" in str(answer.context["form"].errors)
    assert answer.context["form"]["new_name"].value() == "Initech"
    assert not Account.objects.exists()


def test_an_account_that_is_there_is_not_opened_again(as_role, customer, enterprise, signing, clock):
    """D5"""
    answer = as_role("sales").post(PAGE, {"new_name": "acme"})
    assert "new_name" in answer.context["form"].errors
    both = as_role("license manager").post(PAGE, {"account": customer.pk, "new_name": "Initech"})
    assert "new_name" in both.context["form"].errors
    assert not License.objects.exists()


def test_who_may_not_open_accounts_has_no_field_for_it(tester, enterprise, signing):
    """D15"""
    assert "new_name" not in tester.get(PAGE).context["form"].fields
    tester.post(PAGE, {"new_name": "Initech"})
    assert not Account.objects.exists()


def test_presets_of_kinds_that_one_may_not_create_are_absent(tester, manager, make_preset, customer):
    """D15"""
    preset = make_preset(kind="commercial")
    assert tester.get(PAGE).context["presets"] == []
    assert [row for row, _ in manager.get(PAGE).context["presets"]] == [preset]


def test_an_empty_catalogue_says_what_to_do(tester, manager, db):
    assert "No plan is open" in tester.get(PAGE).content.decode()
    assert reverse("admin:licenses_plan_add") in manager.get(PAGE).content.decode()
    assert reverse("admin:licenses_plan_add") not in tester.get(PAGE).content.decode()


@pytest.mark.parametrize("made", ["L-", "nonsense", "L-AAAAAAAAAAAAAAAAAAAAAAAAAA"])
def test_nonsense_in_the_address_is_no_error(tester, enterprise, made):
    assert tester.get(PAGE, {"made": made, "account": "x"}).status_code == 200


def test_a_license_that_is_no_test_is_not_shown_on_the_bench(manager, license_):
    assert "made" not in manager.get(PAGE, {"made": license_.public_id}).context


def test_the_page_asks_as_few_questions_for_many_presets_as_for_two(
    tester, customer, make_preset, signing, django_assert_max_num_queries
):
    for number in range(12):
        make_preset(name=f"Preset {number}")
    with django_assert_max_num_queries(16):
        assert len(tester.get(PAGE).context["presets"]) == 12


def test_a_preset_of_a_closed_plan_has_no_button(tester, make_preset, enterprise, at):
    """D9: it would only be refused."""
    make_preset()
    plan_update(plan=enterprise, active=False, actor="cli:test", at=at)
    assert tester.get(PAGE).context["presets"] == []
