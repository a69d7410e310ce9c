"""Whole stories as staff walk them: from the wish to the thing in hand, with what is refused on the way."""

from __future__ import annotations

import base64
import csv
import hashlib
import hmac
import struct
import time
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from accounts.models import SavedView
from config.kit.clock import now
from licenses.models import License
from licenses.services.issuing import license_grant
from tests.browser.conftest import PASSWORD

STEP = 30


@pytest.fixture
def licenses(office, make_account) -> list[License]:
    """Three licenses, one of which is a test; a name is typed so that a spreadsheet would run it."""
    by = {"plan": office, "origin": "staff", "channel": "admin", "actor": "cli:test", "at": now()}
    names = {"Globex": "commercial", "Initech": "test", "=1+1": "commercial"}
    return [
        license_grant(account=make_account(name), kind=kind, **by).license for name, kind in names.items()
    ]


def app_code(secret: str, step: int) -> str:
    """What an authenticator app shows at that step (RFC 6238), worked out without the product's code."""
    digest = hmac.digest(base64.b32decode(secret.replace(" ", "")), struct.pack(">Q", step), hashlib.sha1)
    start = digest[-1] & 15
    return f"{(int.from_bytes(digest[start : start + 4]) & 0x7FFFFFFF) % 10**6:06}"


def give_password(page: Page, email: str) -> None:
    page.goto("/admin/login/")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def sign_out(page: Page) -> None:
    page.context.clear_cookies(name="signet_session")


def test_a_test_key_is_made_by_keyboard_alone(sign_in, office):
    """D8, D10: from the palette to the key on the clipboard without a mouse."""
    page = sign_in()
    keys = page.keyboard
    keys.press("Control+k")
    expect(page.get_by_role("combobox", name="Search pages")).to_be_focused()
    keys.type("new test key")
    expect(page.get_by_role("option", name="New test key")).to_have_attribute("aria-selected", "true")
    keys.press("Enter")
    page.wait_for_url("**/test-key/")
    account = page.get_by_label("Account", exact=True)
    expect(account).to_be_focused()
    keys.type("Acm")
    expect(page.get_by_role("option", name="Acme (")).to_have_attribute("aria-selected", "true")
    keys.press("Enter")
    expect(account).to_have_value("Acme (acme)")
    keys.press("Enter")
    expect(page.get_by_text("Copied.")).to_be_visible()
    key = page.get_by_label("Key", exact=True).input_value()
    assert page.evaluate("navigator.clipboard.readText()") == key
    assert License.objects.get().kind == "test"


def test_filters_and_the_way_out_are_reached_by_keyboard(sign_in, licenses):
    """D10, and a theme whose buttons are none: Enter opens, Escape leads back to where one was."""
    page = sign_in()
    page.goto("/admin/licenses/license/")
    filters = page.get_by_role("button", name="Filters", exact=True)
    filters.focus()
    page.keyboard.press("Enter")
    panel = page.locator("#changelist-filter")
    expect(panel.locator(":focus")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(filters).to_be_focused()
    page.get_by_role("button", name="ada@").focus()
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="Log out")).to_be_visible()


def test_a_refused_license_is_put_right_where_it_was_refused(sign_in, office):
    """D6: what does not fit stands at its field, nothing that was typed is lost, the second try works."""
    page = sign_in()
    page.goto("/admin/licenses/license/add/")
    page.get_by_label("Account", exact=True).fill("Acm")
    page.get_by_role("option", name="Acme (").click()
    page.locator("#id_plan").select_option(label="Enterprise (commercial)")
    page.get_by_label("Seats").fill("77")
    page.get_by_label("End (UTC)").fill("2020-01-01T00:00")
    page.get_by_role("button", name="Issue license").click()
    expect(page.locator("div", has=page.locator("#id_expires_at")).locator(".errors")).to_be_visible()
    assert not License.objects.exists()

    expect(page.get_by_label("Seats")).to_have_value("77")
    page.get_by_label("End (UTC)").fill("")
    page.get_by_role("button", name="Issue license").click()
    expect(page.get_by_label("Key", exact=True)).to_be_visible()
    assert License.objects.get().seats == 77


def test_a_wrong_word_revokes_nothing(sign_in, license_):
    """A27: revoking asks for the name of the account, typed."""
    page = sign_in()
    page.goto(f"/admin/licenses/license/{license_.pk}/change/")
    page.locator("summary", has_text="More").click()
    page.get_by_role("link", name="Revoke").click()
    dialog = page.locator("#modal-content")
    dialog.get_by_label("Reason").select_option("Refunded or charged back")
    dialog.get_by_label("to confirm").fill("Acme")
    dialog.get_by_role("button", name="Revoke").click()
    expect(page.locator(".errors").first).to_be_visible()
    license_.refresh_from_db()
    assert license_.status != "revoked"

    page.get_by_label("to confirm").fill("globex")
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("Revoked for good. Online")).to_be_visible()
    license_.refresh_from_db()
    assert (license_.status, license_.status_reason) == ("revoked", "Refunded or charged back")


def test_two_filters_are_sent_by_one_press(sign_in, licenses):
    """D10: what is chosen in the panel is applied together."""
    page = sign_in()
    page.goto("/admin/licenses/license/")
    rows = page.locator("#result_list tbody tr")
    expect(rows).to_have_count(3)
    page.get_by_role("button", name="Filters", exact=True).click()
    panel = page.locator("#changelist-filter")
    panel.locator("[name=kind__exact]").select_option("commercial", force=True)
    panel.locator("[name=account]").fill("Globex")
    panel.get_by_role("button", name="Apply").click()
    expect(rows).to_have_count(1)
    assert "kind__exact=commercial" in page.url
    assert "account=Globex" in page.url


def test_a_dialog_that_is_pressed_twice_is_sent_once(sign_in, license_):
    """D7: the second press of a double click sends nothing, and the first one's answer is what one sees."""
    page = sign_in()
    page.goto(f"/admin/licenses/license/{license_.pk}/renew/")
    page.locator("#action-form").get_by_role("button", name="Renew", exact=True).dblclick()
    expect(page.get_by_text("Renewed: it ends on")).to_be_visible()
    assert license_.renewals.count() == 1


def test_a_filtered_list_is_kept_opened_again_and_shared(sign_in, licenses, make_user):
    """D10: a saved view is the list under a name, and a colleague finds it once it is shared."""
    page = sign_in()
    page.goto("/admin/licenses/license/")
    page.get_by_role("link", name="Test keys").first.click()
    rows = page.locator("#result_list tbody tr")
    expect(rows).to_have_count(1)
    page.get_by_role("button", name="Views").click()
    page.get_by_role("link", name="Save this list as a view").click()
    dialog = page.locator("#modal-content")
    dialog.get_by_label("Name").fill("Our tests")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved as “Our tests”.")).to_be_visible()

    page.goto("/admin/licenses/license/")
    expect(rows).to_have_count(3)
    page.get_by_role("button", name="Views").click()
    page.locator("#sg-views").get_by_role("link", name="Our tests", exact=True).click()
    expect(rows).to_have_count(1)
    page.get_by_role("button", name="Views").click()
    page.get_by_role("link", name="Change Our tests").click()
    dialog.locator("label[for=id_shared]").first.click()
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The view “Our tests” is saved.")).to_be_visible()
    assert SavedView.objects.get().shared

    bob = make_user(email="bob@signet.example", is_superuser=True)
    bob.set_password(PASSWORD)
    bob.save(update_fields=["password"])
    sign_out(page)
    give_password(page, bob.email)
    page.goto("/admin/licenses/license/")
    page.get_by_role("button", name="Views").click()
    page.locator("#sg-views").get_by_role("link", name="Our tests").first.click()
    expect(rows).to_have_count(1)


def test_the_exported_file_says_what_the_list_shows(sign_in, licenses):
    """D10: same rows, same order, and no cell that a spreadsheet would run."""
    page = sign_in()
    page.goto("/admin/licenses/license/?kind__exact=commercial")
    shown = page.locator("#result_list tbody tr .field-account_name").all_inner_texts()
    with page.expect_download() as download:
        page.locator("[data-export]").click()
    lines = list(csv.DictReader(Path(download.value.path()).read_text("utf-8-sig").splitlines()))
    assert sorted(shown) == ["=1+1", "Globex"]
    assert [line["Account"] for line in lines] == [name.replace("=", "'=") for name in shown]
    assert {line["Kind"] for line in lines} == {"commercial"}


def test_a_second_factor_is_set_up_and_asked_for_and_a_recovery_code_stands_in(tab, ada):
    """D15: enrol with an app's code, sign in with the next, and once with a recovery code."""
    give_password(tab, ada.email)
    tab.wait_for_url("**/admin/")
    tab.goto("/admin/second-factor/enrol/")
    secret = tab.locator("#secret").inner_text()
    used = int(time.time()) // STEP
    tab.get_by_label("Code").fill(app_code(secret, used))
    tab.get_by_label("Your password").fill(PASSWORD)
    tab.get_by_role("button", name="Turn on").click()
    recovery = tab.get_by_label("Recovery codes").input_value().split()
    assert len(recovery) == 10

    for code in (app_code(secret, max(used + 1, int(time.time()) // STEP)), recovery[0]):
        sign_out(tab)
        give_password(tab, ada.email)
        tab.get_by_label("Code").fill(code)
        tab.get_by_role("button", name="Continue").click()
        tab.wait_for_url("**/admin/")
        expect(tab.get_by_role("heading", level=1)).to_be_visible()

    tab.goto("/admin/second-factor/")
    expect(tab.get_by_text("9 of 10 recovery codes left.")).to_be_visible()
