"""The page of one license, as a person works on it."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from config.kit.clock import now
from licenses.models import License, LicenseNote
from licenses.services.issuing import license_issue, license_reissue

HOSTILE = "<img src=x onerror=alert(1)> https://a.example/<script>alert(2)</script> javascript:alert(3)"


def open_license(page: Page, row: License, tab: str = "") -> None:
    page.goto(f"/admin/licenses/license/{row.pk}/change/{f'?tab={tab}' if tab else ''}")


def test_the_new_end_is_shown_while_it_is_chosen(sign_in, license_):
    """A26: old → new, by the service's own rule, before anything happens."""
    page = sign_in()
    open_license(page, license_)
    page.get_by_role("link", name="Renew", exact=True).click()
    dialog = page.locator("#modal-content")
    says = dialog.locator("output")
    expect(says).to_contain_text(
        f"from {license_.expires_at:%Y-%m-%d %H:%M} UTC to {license_.expires_at.year + 1}"
    )
    dialog.get_by_label("+2 years from the present end").check()
    expect(says).to_contain_text(f"to {license_.expires_at.year + 2}")
    expect(dialog.get_by_label("Date (UTC)")).to_be_hidden()
    dialog.get_by_label("At the date below").check()
    dialog.get_by_label("Date (UTC)").fill("2020-01-01T00:00")
    expect(says).to_contain_text("not later")
    assert not license_.renewals.exists()


def test_changed_terms_are_told_while_they_are_typed(sign_in, license_):
    """E24"""
    page = sign_in()
    page.goto(f"/admin/licenses/license/{license_.pk}/reissue/")
    page.get_by_label("Seats").fill("99")
    expect(page.locator("output")).to_contain_text("Seats: 25 → 99, 74 more.")
    page.get_by_label("Reason").fill("upsell")
    page.get_by_role("button", name="Change terms and re-issue").click()
    expect(page.get_by_text("The terms are changed and a new key was signed.")).to_be_visible()
    page.get_by_role("link", name="What changed in the key").click()
    expect(page.locator("#compared")).to_contain_text("Seats: 25 → 99, 74 more.")


def test_a_note_is_written_changed_and_deleted(sign_in, license_):
    page = sign_in()
    open_license(page, license_, "timeline")
    page.get_by_label("Note").fill("They pay by wire. https://wiki.example/globex")
    page.get_by_role("button", name="Add note").click()
    link = page.get_by_role("link", name="https://wiki.example/globex")
    expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")
    page.get_by_role("link", name="Change", exact=True).click()
    page.get_by_label("Note").fill("They pay late.")
    page.get_by_role("button", name="Change note").click()
    expect(page.get_by_text("Note, changed later")).to_be_visible()
    page.get_by_role("link", name="Delete", exact=True).click()
    page.get_by_role("button", name="Delete note").click()
    expect(page.get_by_text("Deleted a note.")).to_be_visible()
    assert not LicenseNote.objects.exists()


def test_two_keys_are_compared_by_keyboard_alone(sign_in, license_):
    """E24: choose, choose, Enter."""
    license_reissue(
        license=license_, changes={"seats": 50}, reason="x", channel="admin", actor="cli:test", at=now()
    )
    page = sign_in()
    open_license(page, license_)
    page.get_by_role("link", name="Issuances").last.press("Enter")
    picks = page.locator("input[name=pick]")
    picks.nth(0).press("Space")
    picks.nth(1).press("Space")
    picks.nth(1).press("Enter")
    expect(page.locator("#compared")).to_contain_text("Seats: 25 → 50, 25 more.")


def test_the_menu_of_rarer_buttons_is_worked_by_keyboard(sign_in, license_):
    page = sign_in()
    open_license(page, license_)
    more = page.locator("summary", has_text="More")
    more.press("Enter")
    expect(page.get_by_role("link", name="Revoke")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Revoke")).to_be_hidden()
    expect(more).to_be_focused()


def test_a_pasted_key_is_inspected(sign_in, license_):
    """A11, C22"""
    text = license_issue(license=license_, channel="cli", actor="cli:test", at=now()).text
    page = sign_in()
    page.get_by_role("link", name="Inspect a key").click()
    field = page.locator("textarea[name=key_text]")
    field.fill(f"  {text}\n")
    page.get_by_role("button", name="Inspect").click()
    expect(page.locator("#offline")).to_contain_text("holds")
    expect(page.locator("#online")).to_contain_text("Every check passes.")
    field.fill(text[:-8])
    page.get_by_role("button", name="Inspect").click()
    expect(page.locator("#offline")).to_contain_text("refused")


def test_what_people_typed_runs_nowhere(sign_in, license_, ada, at):
    """No script runs and the policy reports nothing: see `complaints`."""
    license_.account.name = HOSTILE
    license_.account.save(update_fields=["name"])
    License.objects.filter(pk=license_.pk).update(comment=HOSTILE)
    LicenseNote.objects.create(license=license_, author=ada, text=HOSTILE)
    page = sign_in()
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    for tab in ("overview", "timeline", "issuances", "installations", "mail", "files"):
        open_license(page, license_, tab)
        expect(page.get_by_role("heading", name="<img src=x")).to_be_visible()
    for name in ("renew", "extend", "reissue", "suspend", "revoke"):
        page.goto(f"/admin/licenses/license/{license_.pk}/{name}/")
        expect(page.get_by_text("<img src=x").first).to_be_visible()
    page.goto("/admin/history/event/")


def test_the_page_works_without_scripts(sign_in, license_, window, chromium, live_server):
    """Tabs, buttons and dialogs are links and forms; what a script would show, a button does."""
    sign_in()
    context: BrowserContext = chromium.new_context(base_url=live_server.url, java_script_enabled=False)
    context.add_cookies(window.cookies())
    page = context.new_page()
    open_license(page, license_)
    page.get_by_role("link", name="Issuances").last.click()
    expect(page.get_by_role("button", name="Compare the two chosen")).to_be_visible()
    page.get_by_role("link", name="Renew", exact=True).click()
    page.get_by_role("button", name="Show it").click()
    expect(page.get_by_text("The end moves from")).to_be_visible()
    page.get_by_role("button", name="Renew", exact=True).click()
    expect(page.get_by_text("Renewed: it ends on")).to_be_visible()
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_no_tab_is_wider_than_the_window(sign_in, license_, scheme, width):
    page = sign_in()
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    for tab in ("overview", "timeline", "issuances", "installations", "files"):
        open_license(page, license_, tab)
        page.wait_for_load_state("networkidle")
        too_wide = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert too_wide <= 0, tab
