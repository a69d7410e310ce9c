"""Keys leave the mail log when the texts of their license do."""

from __future__ import annotations

from datetime import timedelta

import pytest

from history.services import reader_run, sequence
from licenses.services.retention import artifacts_expire
from notifications.errors import MessageErased
from notifications.models import Message
from notifications.parts import parts_unseal
from notifications.services.license_mail import license_send
from notifications.services.resending import message_resend
from notifications.services.retention import ERASED, READER

pytestmark = pytest.mark.django_db

BY = {"actor": "user:1"}


@pytest.fixture
def erased(make_license, trial, issue, at):
    """Erase the texts of a trial license whose key was mailed; gives the key and the mail."""

    def make(**fields):
        row = make_license(trial)
        text = issue(row).text
        message = license_send(license=row, to="ada@acme.example", **BY, at=at).message
        Message.objects.filter(pk=message.pk).update(**fields)
        then = row.expires_at + timedelta(days=30)
        assert artifacts_expire(at=then) == 1
        for _ in range(2):
            sequence(at=then)
            reader_run(READER, at=then)
        message.refresh_from_db()
        return text.strip(), message

    return make


def test_the_key_leaves_text_html_and_files(erased):
    """E34: no copy of the text stays anywhere; what became of the mail does."""
    key, message = erased(state="delivered")
    parts = parts_unseal(bytes(message.parts))
    assert key not in parts.text + parts.html
    assert ERASED in parts.text
    assert (parts.attachments, parts.secrets, parts.erased) == ((), (), True)
    assert (message.state, message.recipient) == ("delivered", "ada@acme.example")


def test_what_was_erased_is_not_sent_again(erased, at):
    _key, message = erased(state="delivered")
    with pytest.raises(MessageErased):
        message_resend(message=message, **BY, at=at)


def test_what_still_waits_is_given_up(erased):
    _key, message = erased(state="queued")
    assert (message.state, message.due_at) == ("failed", None)
    assert "erased" in message.error


def test_mail_that_was_written_later_keeps_its_key(erased, make_license, trial, issue, at):
    """A license that goes on, as of a second trial."""
    _key, message = erased(state="delivered")
    when = message.license.expires_at + timedelta(days=31)
    from licenses.services.renewing import license_renew

    license_renew(
        license=message.license, until=when + timedelta(days=30), persist=True, channel="trial", **BY, at=when
    )
    later = license_send(license=message.license, to="ada@acme.example", **BY, at=when).message
    sequence(at=when)
    reader_run(READER, at=when)
    later.refresh_from_db()
    assert parts_unseal(bytes(later.parts)).attachments


def test_the_page_says_so(signed_in, superadmin, erased):
    from django.urls import reverse

    _key, message = erased(state="delivered")
    browser = signed_in(superadmin)
    text = browser.get(reverse("admin:notifications_message_change", args=[message.pk])).content.decode()
    assert 'id="erased"' in text
    assert "Send again" not in text
