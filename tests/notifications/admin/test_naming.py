"""How the history calls mail and those who receive it."""

from __future__ import annotations

import pytest
from django.urls import reverse

from history.naming import names_of
from notifications.services.resending import message_resend
from notifications.services.unsubscribing import message_unsubscribe

pytestmark = pytest.mark.django_db


def test_a_message_is_called_by_its_template_and_leads_to_its_page(queue):
    message = queue()
    [name] = names_of([f"message:{message.uid}"]).values()
    assert name.text == "mail: License"
    assert name.url == reverse("admin:notifications_message_change", args=[message.pk])


def test_a_recipient_and_a_suppression_are_named_without_an_address(queue, at):
    message = queue(stream="notice")
    row = message_unsubscribe(message=message, at=at)
    names = names_of([f"recipient:{message.uid}", f"suppression:{row.pk}"])
    assert [name.text for name in names.values()] == ["the recipient", f"suppression {row.pk}"]
    assert all(name.url for name in names.values())


@pytest.mark.parametrize("thing", ["message:x", "message:", "recipient:1", "suppression:x", "suppression:0"])
def test_what_is_not_there_stands_as_it_is(db, thing):
    assert names_of([thing])[thing].text == thing


def test_the_history_shows_the_names(root, queue, at):
    message = queue(stream="notice")
    type(message).objects.filter(pk=message.pk).update(state="failed")
    message_resend(message=message, actor="user:1", at=at)
    message_unsubscribe(message=message, at=at)
    text = root.get(reverse("admin:history_event_changelist")).content.decode()
    assert "the recipient" in text
    assert "mail: License" in text
    assert "ada@acme.example" not in text
