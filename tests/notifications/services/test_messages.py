"""Mail on its way out."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction

from notifications.errors import UnfitMessage
from notifications.models import Message
from notifications.parts import Attachment, parts_unseal
from notifications.unsubscribing import unsubscribe_read

pytestmark = pytest.mark.django_db


def parts(message):
    return parts_unseal(bytes(message.parts))


def test_a_mail_is_rendered_at_once_and_waits_to_be_sent(queue, at):
    message = queue()
    assert (message.state, message.due_at, message.recipient) == ("queued", at, "ada@acme.example")
    assert message.subject == "Your Relay license: Enterprise"
    assert "Relay" in parts(message).text
    assert "<html" in parts(message).html


def test_one_key_is_one_mail(queue, at):
    """Always true 7: at most one mail per recipient, template and step or period."""
    first = queue()
    assert queue(to="other@acme.example", at=at + timedelta(days=1)) == first
    assert queue(dedupe_key="two") != first
    assert Message.objects.count() == 2


def test_a_key_taken_in_the_meantime_gives_the_mail_that_is_there(queue, monkeypatch):
    """As two callers that both found the key free."""
    from notifications.services import messages

    first = queue()
    second = Message(
        **{f.attname: getattr(first, f.attname) for f in Message._meta.fields if f.name not in {"id", "uid"}}
    )
    assert messages.message_insert(second) == first


def test_mail_and_change_are_kept_or_lost_together(queue):
    @transaction.atomic
    def change_that_fails():
        queue()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        change_that_fails()
    assert not Message.objects.exists()


def test_what_the_mail_says_is_sealed(queue):
    """Always true 10: no license token in clear."""
    assert b"Acme" not in bytes(queue().parts)


def test_a_message_has_a_message_id_of_its_own_for_good(queue, settings):
    settings.DEFAULT_FROM_EMAIL = "Acme <licenses@acme.example>"
    message = queue()
    assert parts(message).headers["Message-ID"] == f"<{message.uid}@acme.example>"


def test_all_but_transactional_mail_can_be_unsubscribed_from_at_once(queue):
    """RFC 8058, and the address names nobody."""
    message = queue(stream="notice")
    headers = parts(message).headers
    link = headers["List-Unsubscribe"].strip("<>")
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert link.startswith("http://testserver/mail/unsubscribe/")
    assert unsubscribe_read(link.rpartition("/")[2]) == (message.uid, "notice")
    assert link in parts(message).text
    assert link in parts(message).html


def test_transactional_mail_has_nothing_to_unsubscribe_from(queue):
    assert not [name for name in parts(queue()).headers if name.startswith("List-")]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("to", "ada@acme.example\r\nBcc: eve@evil.example"), ("to", "ada@acme.example,eve@evil.example"),
        ("reply_to", "ada@acme.example\nX-Evil: 1"), ("sender", "Acme\r\nX-Evil: 1 <a@acme.example>"),
        ("dedupe_key", "x" * 201), ("dedupe_key", ""),
        ("attachments", [Attachment("a\r\nX-Evil: 1.lic", "text/plain", b"")]),
        ("attachments", [Attachment("a.lic", "text/plain\r\nX-Evil: 1", b"")]),
    ],
)  # fmt: skip
def test_nothing_typed_by_outsiders_adds_a_header(queue, field, value):
    """People: no header injection."""
    with pytest.raises(UnfitMessage):
        queue(**{field: value})
    assert not Message.objects.exists()


def test_files_go_with_the_mail_unchanged(queue):
    message = queue(attachments=[Attachment("a.lic", "application/octet-stream", b"\x00\xff", secret=True)])
    assert parts(message).attachments == (Attachment("a.lic", "application/octet-stream", b"\x00\xff", True),)
