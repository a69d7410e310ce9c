"""The first story, as a person walks it: sign in, issue, copy, download, renew, revoke."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from history.models import Event
from licenses.models import Issuance, License


def choose_account(page: Page, name: str) -> None:
    page.get_by_label("Account", exact=True).fill(name[:3])
    page.get_by_role("option", name=f"{name} (").click()


def open_license(page: Page, row: License) -> None:
    page.goto(f"/admin/licenses/license/{row.pk}/change/")


def more(page: Page) -> None:
    """Open the menu of the rarer actions."""
    page.locator("summary", has_text="More").click()


def text_of(row: License) -> str:
    from config.kit.sealing import unseal

    return unseal(bytes(Issuance.objects.filter(license=row).latest("pk").artifact)).decode()


def test_a_stranger_meets_the_form_and_staff_get_in(sign_in):
    page = sign_in()
    expect(page.get_by_role("heading", name="License office", level=1)).to_be_visible()


def test_a_wrong_password_is_refused(tab, ada):
    tab.goto("/admin/")
    tab.get_by_label("Email").fill(ada.email)
    tab.get_by_label("Password").fill("wrong")
    tab.get_by_role("button", name="Log in").click()
    expect(tab.get_by_text("Please enter the correct")).to_be_visible()


def test_issuing_a_license_leaves_its_key_at_hand(sign_in, office):
    """D6: the form; the key is fetched by the page once, and each reading is an event."""
    page = sign_in()
    page.goto("/admin/licenses/license/add/")
    choose_account(page, "Acme")
    page.locator("#id_plan").select_option(label="Enterprise (commercial)")
    page.get_by_label("Seats").fill("50")
    page.get_by_role("button", name="Issue license").click()
    key = page.get_by_label("Key", exact=True)
    expect(key).to_be_visible()
    row = License.objects.get()
    expect(key).to_have_value(text_of(row))
    assert row.seats == 50
    assert Event.objects.filter(kind="artifact.read").count() == 1


def test_what_does_not_fit_is_said_at_its_field(sign_in, office):
    """D6"""
    page = sign_in()
    page.goto("/admin/licenses/license/add/")
    page.get_by_label("Entitlements").fill("{")
    page.get_by_role("button", name="Issue license").click()
    expect(page.get_by_text("Not JSON:").first).to_be_visible()
    expect(page.get_by_text("Choose a plan.").first).to_be_visible()


def test_a_test_key_takes_two_clicks_from_the_menu(sign_in, office):
    """D8: choose the account, press the button."""
    page = sign_in()
    page.get_by_role("link", name="New test key").click()
    choose_account(page, "Acme")
    page.get_by_role("button", name="Make test key").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    key = text_of(License.objects.get())
    expect(page.get_by_label("Key", exact=True)).to_have_value(key)
    assert page.evaluate("navigator.clipboard.readText()") == key
    assert License.objects.get().kind == "test"


def test_copying_puts_the_key_on_the_clipboard(sign_in, license_):
    page = sign_in()
    open_license(page, license_)
    assert text_of(license_) not in page.content()
    page.get_by_role("button", name="Copy key").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == text_of(license_)


def test_downloading_gives_the_same_bytes(sign_in, license_):
    """E23"""
    page = sign_in()
    open_license(page, license_)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == f"globex-demo-{license_.public_id}.jwt"
    assert Path(download.value.path()).read_text() == text_of(license_)


def test_renewing_in_the_dialog_shows_both_ends_first(sign_in, license_):
    """A26"""
    page = sign_in()
    open_license(page, license_)
    page.get_by_role("link", name="Renew", exact=True).click()
    dialog = page.locator("#modal-content")
    expect(dialog.get_by_text(f"It ends on {license_.expires_at:%Y-%m-%d}")).to_be_visible()
    dialog.get_by_label("+1 year from the present end").check()
    dialog.get_by_role("button", name="Renew").click()
    expect(page.get_by_text("Renewed: it ends on")).to_be_visible()
    assert license_.issuances.count() == 2


def test_revoking_in_the_dialog_says_what_stays_and_asks_why(sign_in, license_):
    """A27"""
    page = sign_in()
    open_license(page, license_)
    more(page)
    page.get_by_role("link", name="Revoke").click()
    dialog = page.locator("#modal-content")
    expect(dialog.get_by_text("keep validating offline until their exp")).to_be_visible()
    dialog.get_by_label("Reason").select_option("Refunded or charged back")
    dialog.get_by_label("In your words").fill("order 77")
    dialog.get_by_label("to confirm").fill("globex")
    dialog.get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("Revoked for good. Online")).to_be_visible()
    license_.refresh_from_db()
    assert (license_.status, license_.status_reason) == ("revoked", "Refunded or charged back: order 77")


def test_a_refused_dialog_comes_back_as_a_page_with_the_error(sign_in, license_):
    page = sign_in()
    open_license(page, license_)
    more(page)
    page.get_by_role("link", name="Suspend").click()
    page.locator("#modal-content").get_by_role("button", name="Suspend").click()
    expect(page.get_by_text("This field is required.")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_the_main_pages_complain_about_nothing(sign_in, license_, scheme, width):
    """The Content-Security-Policy is as strict as these pages bear: see `complaints`."""
    page = sign_in()
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    key = license_.issuances.get().signing_key_id
    for address in (
        "", "licenses/license/", f"licenses/license/{license_.pk}/change/", "licenses/license/add/",
        f"licenses/license/{license_.pk}/reissue/", "licenses/license/test-key/", "licenses/issuance/",
        "licenses/product/", "licenses/plan/add/", "licenses/preset/add/", "licenses/signingkey/",
        f"licenses/signingkey/{key}/change/", "accounts/account/", "accounts/user/", "history/event/",
        "password_change/",
    ):  # fmt: skip
        page.goto(f"/admin/{address}")
        page.wait_for_load_state("networkidle")
        too_wide = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert too_wide <= 0, address
