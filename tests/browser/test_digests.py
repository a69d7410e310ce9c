"""Staff set a digest up, look at it, and send it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.usefixtures("license_")


@pytest.fixture
def new_digest(sign_in) -> Page:
    """The page of a digest that was just set up by its form."""
    tab = sign_in()
    tab.get_by_role("link", name="Expiry digests").click()
    tab.goto("/admin/notifications/expirydigest/add/")
    tab.get_by_label("Name").fill("Sales")
    tab.get_by_label("Recipients").fill("ada@signet.example\nbob@signet.example")
    tab.get_by_label("Days before expiry").fill("365")
    tab.locator("#select2-id_zone-container").click()
    tab.locator(".select2-search__field").fill("Berlin")
    tab.get_by_role("option", name="Europe/Berlin").click()
    tab.get_by_role("button", name="Save", exact=True).click()
    tab.locator("#result_list").get_by_role("link", name="Sales").click()
    return tab


def test_a_digest_is_set_up_previewed_and_sent(new_digest):
    """D13, D14: from the menu to the mail in the log."""
    tab = new_digest
    expect(tab.locator("#next-run")).to_contain_text("Europe/Berlin")

    tab.get_by_role("link", name="Preview").click()
    mail = tab.frame_locator("iframe[title='The mail']")
    expect(mail.get_by_role("link", name="Globex")).to_be_visible()
    tab.get_by_role("link", name="Text").click()
    expect(tab.locator("#mail-text")).to_contain_text("Globex, Demo Enterprise")
    tab.get_by_role("link", name="Back").click()

    tab.get_by_role("link", name="Run now for today").click()
    expect(tab.locator("#consequences")).to_contain_text("To ada@signet.example, bob@signet.example.")
    tab.get_by_role("button", name="Run now").click()
    expect(tab.get_by_text("1 license is on its way to 2 recipients.")).to_be_visible()

    tab.locator("#runs").get_by_role("link", name="ada@signet.example").click()
    expect(tab.locator("#mail-subject")).to_contain_text("1 within 365 days")


def test_what_is_wrong_stands_at_its_field(sign_in):
    """D14."""
    tab = sign_in()
    tab.goto("/admin/notifications/expirydigest/add/")
    tab.get_by_label("Name").fill("Sales")
    tab.get_by_label("Recipients").fill("ada")
    tab.get_by_label("Monday").uncheck()
    tab.get_by_role("button", name="Save", exact=True).click()

    expect(tab.get_by_text("“ada” is no e-mail address.")).to_be_visible()
    expect(tab.get_by_label("Monday")).not_to_be_checked()


def test_notices_say_what_they_would_do_and_are_switched_on(sign_in):
    """Off until switched on."""
    tab = sign_in()
    tab.get_by_role("link", name="Customer notices").click()
    expect(tab.locator("#notices-state")).to_have_text("Off: no customer is written to")

    tab.get_by_label("Answers go to").fill("renewals@signet.example")
    tab.locator("label[for=id_enabled]").first.click()
    tab.get_by_role("button", name="Save", exact=True).click()
    expect(tab.locator("#notices-state")).to_have_text("On")

    tab.get_by_role("link", name="Preview").click()
    mail = tab.frame_locator("iframe[title='The mail']")
    expect(mail.get_by_text("Reply to this mail and we will renew it.")).to_be_visible()
