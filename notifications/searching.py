"""Mail by what people remember of it: a piece of the address or of the subject."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from config.kit.trigrams import SHORTEST, TrigramIndex, index_register
from notifications.models import Message, Suppression

MESSAGES = index_register(TrigramIndex("message_search", "notifications_message", ("recipient", "subject")))
SUPPRESSIONS = index_register(TrigramIndex("suppression_search", "notifications_suppression", ("address",)))


def messages_like(rows: QuerySet[Message], term: str) -> QuerySet[Message]:
    """Messages with the text in recipient or subject; fewer than three letters have to stand at the beginning."""
    text = term.strip()
    if not text.isprintable():
        return rows.none()
    part = _part(text)
    return rows.filter(Q(**{f"recipient__{part}": text}) | Q(**{f"subject__{part}": text}))


def suppressions_like(rows: QuerySet[Suppression], term: str) -> QuerySet[Suppression]:
    """Suppressions of addresses with the text in them."""
    text = term.strip().lower()
    return rows.filter(**{f"address__{_part(text)}": text}) if text.isprintable() else rows.none()


def _part(text: str) -> str:
    return "icontains" if len(text) >= SHORTEST else "istartswith"
