"""The page of our own license, and what staff are told of its caps where they make things."""

from __future__ import annotations

import pytest
from django.urls import reverse

from licenses import gates
from licenses.models import Product, SelfLicense
from licenses.services.catalogue import product_create
from licenses.services.selflicense import selflicense_load, selflicense_remove

pytestmark = [pytest.mark.django_db, pytest.mark.own_license]
URL = "/admin/own-license/"
PRODUCTS = "/admin/licenses/product/"
BY = {"actor": "cli:test"}


def make_products(upto, at):
    for number in range(Product.objects.exclude(audience="signet").count(), upto):
        product_create(product_key=f"p{number}", name="P", at=at, **BY)


def test_the_page_says_tier_guard_and_use_of_each_cap(root, product):
    """C2, C18: without a license, and why."""
    page = root.get(URL).content.decode()
    assert "Creator" in page
    assert "No license is activated here." in page
    assert "1 of 5" in page


def test_a_master_is_set_up_and_a_key_activated_by_pressing_buttons(root, own_key):
    """C8: the page tells the new tier; the key is on no page again."""
    root.post(f"{URL}prepare/")
    text = own_key()[1]
    page = root.post(URL, {"key": text}, follow=True).content.decode()
    assert "The tier is Pro from now on." in page
    assert text not in page
    assert "live row" not in page
    assert gates.entitlement_held("crm")


def test_a_key_that_does_not_hold_is_refused_at_its_field(root, own_pro):
    """C8: the one in force stays."""
    before = SelfLicense.objects.get().key_sha256
    answer = root.post(URL, {"key": "nonsense"})
    assert "not a license in a known format" in answer.content.decode()
    assert SelfLicense.objects.get().key_sha256 == before


def test_refreshing_and_removing_are_buttons(root, own_pro):
    """C5."""
    assert "The master answered" in root.post(f"{URL}refresh/", follow=True).content.decode()
    root.post(f"{URL}remove/")
    assert not gates.entitlement_held("crm")


def test_only_a_superadmin_with_a_second_factor_comes_in(manager, signed_in, superadmin, clock):
    """C8, D15: activating is a right of its own, which no role has."""
    assert manager.get(URL).status_code == 403
    assert manager.post(f"{URL}refresh/").status_code == 403
    assert signed_in(superadmin, second_factor=False).get(URL).status_code == 302


def test_before_the_last_one_the_form_warns_and_at_the_cap_it_refuses(root, clock):
    """C16, C17: a warning beforehand, then 402 with the form and the reason."""
    make_products(4, clock.at)
    assert "The next one is the last." in root.get(f"{PRODUCTS}add/").content.decode()
    make_products(5, clock.at)
    assert "No more can be made." in root.get(f"{PRODUCTS}add/").content.decode()
    fields = {"name": "X", "product_key": "x", "slug": "x", "audience": "x", "algorithm": "RS256",
              "default_format": "jwt", "seat_label": "seats", "entitlement_catalogue": "[]"}  # fmt: skip
    answer = root.post(f"{PRODUCTS}add/", fields)
    assert (answer.status_code, "the tier Creator allows 5" in answer.content.decode()) == (402, True)


def test_pages_of_the_catalogue_change_nothing_while_the_guard_is_invalid(root, product, clock, settings):
    """E27: 403 with the form and the reason; looking goes on."""
    settings.SELF_LICENSE = "no license"
    selflicense_load(at=clock.at, **BY)
    page = reverse("admin:licenses_product_change", args=[product.pk])
    fields = {"name": "New", "slug": product.slug, "algorithm": "RS256", "default_format": "jwt",
              "seat_label": "seats", "entitlement_catalogue": "[]", "active": "on"}  # fmt: skip
    answer = root.post(page, fields)
    assert (answer.status_code, "the catalogue cannot be changed" in answer.content.decode()) == (403, True)
    assert root.get(page).status_code == 200
    product.refresh_from_db()
    assert product.name == "Demo"


def test_what_is_above_a_cap_stays_usable_under_a_banner(root, own_pro, clock):
    """C17: count and cap, on the list and on the page of the license; an edit passes."""
    make_products(7, clock.at)
    selflicense_remove(at=clock.at, **BY)
    banner = "Grandfathered. Products, inactive ones among them: the tier Creator allows 5, and there are 7."
    assert banner in root.get(PRODUCTS).content.decode()
    assert "7 of 5" in root.get(URL).content.decode()
    row = Product.objects.get(product_key="p6")
    page = reverse("admin:licenses_product_change", args=[row.pk])
    fields = {"name": "New name", "slug": row.slug, "algorithm": "RS256", "default_format": "jwt",
              "seat_label": "seats", "entitlement_catalogue": "[]", "active": "on"}  # fmt: skip
    assert root.post(page, fields).status_code == 302
    row.refresh_from_db()
    assert row.name == "New name"
