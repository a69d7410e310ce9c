"""Mail in a real browser: sent to a customer from the license's page, looked at, unsubscribed from."""

from __future__ import annotations

import pytest
from django.core import mail
from playwright.sync_api import expect

from config.kit.clock import now
from notifications.mail_templates import TEMPLATES
from notifications.mail_templates.license_delivery import sample
from notifications.models import Message, Suppression
from notifications.rendering import render
from notifications.services.messages import message_queue
from notifications.unsubscribing import unsubscribe_url

NASTY = "<script>document.title='owned'</script>'\"><img src=x onerror=\"document.title='owned'\">{{7*7}}"
WIDTHS = (390, 720)


def queue(**fields):
    given = {
        "template": "license_delivery", "to": "ada@acme.example", "context": sample(), "stream": "notice",
        "dedupe_key": "one", "actor": "cli:test", "at": now(),
    }  # fmt: skip
    return message_queue(**{**given, **fields})


def test_a_license_is_mailed_from_its_page_and_the_log_shows_it(sign_in, license_):
    """Mail: staff send a license to its customer, see it in the log, and send it again."""
    page = sign_in()
    page.goto(f"/admin/licenses/license/{license_.pk}/change/")
    page.get_by_role("link", name="E-mail to customer").click()
    page.get_by_label("To").fill("ada@acme.example")
    page.get_by_label("A word of your own").fill("Hello Ada")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_text("The license is on its way to ada@acme.example.")).to_be_visible()
    assert [sent.to for sent in mail.outbox] == [["ada@acme.example"]]
    page.get_by_role("link", name="Your Demo license: Enterprise").click()
    expect(page.frame_locator("iframe").get_by_text("Hello Ada")).to_be_visible()
    expect(page.frame_locator("iframe").get_by_text("key hidden")).to_be_visible()
    page.get_by_role("button", name="Show it in the text").click()
    expect(page.locator("#mail-text")).to_contain_text(mail.outbox[0].attachments[0].content.decode())
    page.get_by_role("link", name="Desktop").click()
    page.get_by_role("link", name="Send again").click()
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_text("It is sent to ada@acme.example again.")).to_be_visible()
    assert len(mail.outbox) == 2


def test_nothing_that_outsiders_typed_runs_in_the_log(sign_in, make_account):
    """People: everything typed by outsiders is shown as text; the policy has nothing to report."""
    page = sign_in()
    message = queue(
        context=sample(product=NASTY, account=NASTY, plan=NASTY, note=NASTY),
        account=make_account(NASTY[:200]),
    )
    Message.objects.filter(pk=message.pk).update(state="failed", error=NASTY)
    for address in ("", f"{message.pk}/change/", f"{message.pk}/change/?as=text", f"{message.pk}/html/"):
        page.goto(f"/admin/notifications/message/{address}")
        page.wait_for_load_state()
        assert page.title() != "owned"
    page.goto(f"/admin/notifications/message/{message.pk}/change/")
    expect(page.frame_locator("iframe").get_by_role("heading", level=1)).to_contain_text("<script>")
    assert page.title() != "owned"


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_mail_fits_a_phone_and_a_desktop_in_light_and_dark(tab, name):
    """Mail: nothing is cut off, nothing is fetched, in any state of the template."""
    asked = []
    tab.on("request", lambda request: asked.append(request.url))
    for state, make in TEMPLATES[name].samples.items():
        html = render(
            name, {**make(), "unsubscribe_url": "https://licenses.example.com/mail/unsubscribe/x"}
        ).html
        for width in WIDTHS:
            tab.set_viewport_size({"width": width, "height": 900})
            for scheme in ("light", "dark"):
                tab.emulate_media(color_scheme=scheme)
                tab.set_content(html)
                wide = tab.evaluate("document.documentElement.scrollWidth")
                assert wide <= width, (state, width, scheme)
                shown = tab.evaluate("getComputedStyle(document.body).backgroundColor")
                assert (sum(map(int, shown[4:-1].split(","))) > 380) == (scheme == "light"), (state, shown)
    assert asked == []


def test_who_wants_no_more_says_so_on_a_phone_and_can_take_it_back(tab, db):
    """RFC 8058's page for people, without signing in."""
    message = queue()
    tab.set_viewport_size({"width": 390, "height": 844})
    tab.goto(unsubscribe_url(message.uid, "notice").replace("http://testserver", ""))
    tab.get_by_role("button", name="Unsubscribe").click()
    expect(tab.get_by_role("heading", name="You are unsubscribed")).to_be_visible()
    assert Suppression.objects.filter(lifted_at=None).count() == 1
    tab.get_by_role("button", name="Undo").click()
    expect(tab.get_by_role("heading", name="You are back on the list")).to_be_visible()
    assert not Suppression.objects.filter(lifted_at=None).exists()
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_gallery_shows_each_look_and_mails_a_test(sign_in):
    page = sign_in()
    page.goto("/admin/notifications/message/templates/")
    page.get_by_role("link", name="with a note").click()
    for look in ("Phone", "Text", "Desktop"):
        page.get_by_role("link", name=look, exact=True).click()
        expect(page.get_by_role("link", name=look, exact=True)).to_have_attribute("aria-current", "page")
    expect(page.frame_locator("iframe").get_by_text("Hello Ada")).to_be_visible()
    page.get_by_role("button", name="Send me a test").click()
    expect(page.get_by_text("A test is on its way to ada@signet.example.")).to_be_visible()
    assert [sent.to for sent in mail.outbox] == [["ada@signet.example"]]
