"""Story: from Creator to Pro on one page; a key that was tampered with changes nothing."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from config.kit.clock import now
from licenses.models import License

pytestmark = pytest.mark.own_license


@pytest.fixture
def at():
    """The server of the story has the real clock."""
    return now()


def test_activate_a_key_and_tamper_with_it(sign_in, own_office, own_key):
    """C3, C4, C8, C18: tier and bars follow the key at once, and the master's row with a refresh."""
    tab = sign_in()
    tab.get_by_role("link", name="License of this installation").click()
    expect(tab.locator("#tier")).to_have_text("Creator")
    expect(tab.locator("#caps")).to_contain_text("0 of 5")  # the product of Signet itself takes no room

    row, text = own_key("pro")
    tab.get_by_label("Key").fill(text)
    tab.get_by_role("button", name="Activate license").click()
    expect(tab.locator("#tier")).to_have_text("Pro")
    expect(tab.locator("#entitlements")).to_contain_text("unlimited_products")
    expect(tab.locator("#caps")).to_contain_text("no limit")

    tab.get_by_label("Key").fill(text[:-8] + "AAAAAAAA")
    tab.get_by_role("button", name="Activate license").click()
    expect(tab.locator("#activate")).to_contain_text("not signed by a key that the trust root holds")
    expect(tab.locator("#tier")).to_have_text("Pro")

    # the master takes an entitlement from the row: with the next refresh it is gone, the key in place
    rest = {slug: granted for slug, granted in row.entitlements.items() if slug != "unlimited_products"}
    License.objects.filter(pk=row.pk).update(entitlements=rest)
    tab.get_by_role("button", name="Refresh now").click()
    expect(tab.locator("#tier")).to_have_text("Creator")
    expect(tab.locator("#caps")).to_contain_text("0 of 5")

    tab.get_by_role("button", name="Remove the key").click()
    expect(tab.locator("#tier")).to_have_text("Creator")
