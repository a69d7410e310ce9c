"""What mail adds to the page of a license."""

from __future__ import annotations

import pytest

from history.models import Event
from licenses.services.lifecycle import license_suspend
from notifications.models import Message
from notifications.services.suppressions import suppression_add

pytestmark = pytest.mark.django_db
FORM = {"to": "ada@acme.example", "words": "Hello Ada,\r\nhere it is."}


@pytest.fixture
def send_url(license_, page):
    return page(license_, "send")


def read(browser, address):
    answer = browser.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_tab_lists_what_was_mailed(manager, license_, tab, send_url):
    assert "Nothing was mailed" in read(manager, tab(license_, "mail"))
    manager.post(send_url, FORM)
    text = read(manager, tab(license_, "mail"))
    assert "ada@acme.example" in text
    assert "Your Demo license: Enterprise" in text
    assert f"?license={license_.public_id}" in text


def test_the_dialog_says_which_key_goes_out_and_knows_the_customer_s_address(manager, license_, send_url):
    license_.account.email = "licenses@acme.example"
    license_.account.save(update_fields=["email"])
    text = read(manager, send_url)
    assert "The newest kept key goes out: JWT" in text
    assert 'value="licenses@acme.example"' in text


def test_sending_goes_back_to_the_tab_and_tells_the_history(manager, license_, send_url, license_manager):
    answer = manager.post(send_url, FORM, follow=True)
    assert "on its way to ada@acme.example" in answer.content.decode()
    message = Message.objects.get()
    assert (message.license, message.created_by) == (license_, f"user:{license_manager.pk}")
    assert Event.objects.filter(kind="license.sent", actor=f"user:{license_manager.pk}").count() == 1


def test_who_is_not_written_to_is_told_before_and_after(manager, license_, send_url, at):
    """Else it would be held back without a word."""
    license_.account.email = FORM["to"]
    license_.account.save(update_fields=["email"])
    assert "is not written to" not in read(manager, send_url)
    suppression_add(address=FORM["to"], reason="hard_bounce", actor="cli:test", at=at)
    assert "ada@acme.example is not written to (hard bounce)" in read(manager, send_url)
    assert "It is held back" in manager.post(send_url, FORM, follow=True).content.decode()


def test_the_same_twice_sends_once_and_says_so(manager, send_url):
    manager.post(send_url, FORM)
    answer = manager.post(send_url, FORM, follow=True)
    assert "Nothing was sent" in answer.content.decode()
    assert Message.objects.count() == 1


@pytest.mark.parametrize("to", ["", "nobody", "a@b.example, c@d.example", "a@b.example\r\nBcc: c@d.example"])
def test_what_is_no_address_is_refused_at_the_field(manager, send_url, to):
    answer = manager.post(send_url, {**FORM, "to": to})
    assert answer.status_code == 200
    assert not Message.objects.exists()


def test_a_license_without_a_key_says_why_it_cannot_be_mailed(manager, make_license, page):
    row = make_license()
    assert "No key of this license was signed yet" in read(manager, page(row, "send"))
    assert "No key of this license was signed yet" in manager.post(page(row, "send"), FORM).content.decode()


def test_a_suspended_license_has_no_button(manager, license_, page, send_url, at):
    assert send_url in read(manager, page(license_))
    license_suspend(license=license_, reason="Unpaid", actor="cli:test", at=at)
    assert send_url not in read(manager, page(license_))
    assert "suspended" in manager.post(send_url, FORM).content.decode()


@pytest.mark.parametrize("role", ["issuer", "billing", "sales", "customer success", "auditor"])
def test_who_may_not_send_keys_has_no_button_and_gets_403(as_role, clock, license_, page, send_url, role):
    """D15: mailing a key anywhere takes the right to see keys and the right to send mail."""
    browser = as_role(role)
    assert send_url not in read(browser, page(license_))
    assert browser.post(send_url, FORM).status_code == 403
    assert not Message.objects.exists()


def test_who_may_not_see_mail_has_no_tab(as_role, clock, license_, page):
    assert "?tab=mail" not in read(as_role("billing"), page(license_))
    assert "?tab=mail" in read(as_role("auditor"), page(license_))


def test_an_address_that_no_database_keeps_is_refused_at_its_field(manager, send_url):
    answer = manager.post(send_url, {"to": "a\x00@b.example"})
    assert answer.status_code == 200
    assert "errorlist" in answer.content.decode() or "error" in answer.content.decode()
