"""The address behind "unsubscribe" (RFC 8058): signed, without an end, and nothing of a person in it."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.core import signing

SALT = "notifications.unsubscribe"
PATH = "mail/unsubscribe/"


def unsubscribe_token(uid: UUID, stream: str) -> str:
    """A token that names a message and a stream, in characters that need no escaping in an address."""
    return signing.dumps([uid.hex, stream], salt=SALT)


def unsubscribe_read(token: str) -> tuple[UUID, str] | None:
    """Message and stream of a token, None when we did not make it."""
    try:
        uid, stream = signing.loads(token, salt=SALT)
        return UUID(uid), str(stream)
    except (signing.BadSignature, ValueError, TypeError):
        return None


def unsubscribe_url(uid: UUID, stream: str) -> str:
    """The base is a setting: what a request says of its host never is."""
    return f"{settings.BASE_URL}/{PATH}{unsubscribe_token(uid, stream)}"
