"""Names of messages, suppressions, and recipients who act, for the lists of what happened."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.urls import reverse

from history.naming import Named, Naming, naming_register
from notifications.admin.message_display import template_title
from notifications.models import Message, Suppression

LONGEST_KEY = 18


def _uids(ids: Iterable[str]) -> dict[UUID, str]:
    found = {}
    for text in ids:
        try:
            found[UUID(text)] = text
        except ValueError:
            continue
    return found


def _messages(ids: Sequence[str]) -> dict[str, Named]:
    uids = _uids(ids)
    rows = Message.objects.filter(uid__in=uids).values_list("uid", "pk", "template")
    page = "admin:notifications_message_change"
    return {
        uids[uid]: Named(f"mail: {template_title(name)}", reverse(page, args=[pk])) for uid, pk, name in rows
    }


def _recipients(ids: Sequence[str]) -> dict[str, Named]:
    """A recipient acts by the link of a message, and is named by it."""
    return {text: Named("the recipient", name.url) for text, name in _messages(ids).items()}


def _suppressions(ids: Sequence[str]) -> dict[str, Named]:
    """Not by the address: who reads the history need not be one who may see it."""
    keys = [int(text) for text in ids if text.isdecimal() and len(text) <= LONGEST_KEY]
    page = "admin:notifications_suppression_change"
    known = Suppression.objects.filter(pk__in=keys).values_list("pk", flat=True)
    return {str(pk): Named(f"suppression {pk}", reverse(page, args=[pk])) for pk in known}


def _nothing(_text: str) -> list[str]:
    return []


naming_register("message", Naming(_messages, _nothing))
naming_register("recipient", Naming(_recipients, _nothing))
naming_register("suppression", Naming(_suppressions, _nothing))
