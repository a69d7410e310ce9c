"""Every mail template in every state, to look at and to have mailed to oneself."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils.html import escape

from notifications.mail_templates import TEMPLATES
from notifications.models import Message
from notifications.services.testing import MOST

pytestmark = pytest.mark.django_db
GALLERY = reverse("admin:notifications_templates")
EVERY = [(name, number) for name, template in TEMPLATES.items() for number in range(len(template.samples))]
FIRST = ("license_delivery", 0)


def url(sample, name="template"):
    return reverse(f"admin:notifications_{name}", args=sample)


def read(browser, address):
    answer = browser.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_gallery_shows_every_template_with_every_state(looker):
    text = read(looker, GALLERY)
    for name, template in TEMPLATES.items():
        assert escape(template.title) in text
        for number in range(len(template.samples)):
            assert url((name, number)) in text


@pytest.mark.parametrize("sample", EVERY, ids=str)
def test_every_state_can_be_looked_at_as_desktop_phone_and_text(looker, sample):
    for look in ("desktop", "phone", "text"):
        text = read(looker, f"{url(sample)}?as={look}")
        assert ("<iframe" in text) == (look != "text")
    assert "</html>" in read(looker, url(sample, "template_html"))


@pytest.mark.parametrize("sample", [("license_delivery", 99), ("nothing", 0)])
def test_a_sample_that_is_not_there_is_not_found(root, sample):
    assert root.get(url(sample)).status_code == 404
    assert root.post(url(sample, "template_send")).status_code == 404


def test_a_test_goes_to_who_is_signed_in(root, superadmin):
    answer = root.post(url(FIRST, "template_send"), follow=True)
    assert f"on its way to {superadmin.email}" in answer.content.decode()
    message = Message.objects.get()
    assert (message.recipient, message.stream) == (superadmin.email, "test")


def test_too_many_tests_are_refused_in_words(root):
    for _ in range(MOST):
        root.post(url(FIRST, "template_send"))
    answer = root.post(url(FIRST, "template_send"), follow=True)
    assert "tests an hour are enough" in answer.content.decode()
    assert Message.objects.count() == MOST


def test_sending_acts_on_post_only(root):
    assert root.get(url(FIRST, "template_send")).status_code == 405


def test_who_may_only_look_sends_nothing(looker):
    """D15."""
    assert "Send me a test" not in read(looker, url(FIRST))
    assert looker.post(url(FIRST, "template_send")).status_code == 403
    assert not Message.objects.exists()


def test_who_has_nothing_to_do_with_mail_sees_none(tester):
    for address in (GALLERY, url(FIRST), url(FIRST, "template_html")):
        assert tester.get(address).status_code == 403


def test_the_menu_leads_there(root, tester):
    index = reverse("admin:index")
    assert GALLERY in read(root, index)
    assert GALLERY not in read(tester, index)
