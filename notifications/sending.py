"""The one place that hands mail to a server or provider. Never inside a transaction: it may take its time.

Whatever goes wrong becomes a `SendFailed` that says whether trying again makes sense. SMTP tells by its
code (RFC 5321 §4.2.1): 4xx passes, 5xx stays. Only what the server says of this recipient or this mail is
final; a refused login, greeting or sender is a matter of the set-up, and the mail waits until it is mended.
"""

from __future__ import annotations

import re
import smtplib
from dataclasses import dataclass
from typing import Any, Final

from anymail.exceptions import (
    AnymailAPIError,
    AnymailInvalidAddress,
    AnymailRecipientsRefused,
    AnymailSerializationError,
    AnymailUnsupportedFeature,
)
from django.conf import settings
from django.core.mail import EmailMultiAlternatives

from notifications.models import Message
from notifications.parts import Parts

METADATA: Final = "message"
"""Under this name a provider keeps the uid of a message and hands it back in its webhooks."""

_PERMANENT = 500
_REFUSED_BY_API: Final = frozenset({400, 413, 422})
# RFC 3463: bad destination mailbox or system, mailbox disabled. Other refusals may be about the sender.
_NO_SUCH_MAILBOX: Final = re.compile(r"\b5\.(?:1\.(?:1|2|3|6|10)|2\.1)\b")
_LONGEST_ERROR = 1000


@dataclass(frozen=True, slots=True)
class Receipt:
    """Who took the message, and under which id."""

    provider: str
    provider_id: str


class SendFailed(Exception):
    """A message that was not taken. `refused`: because of the recipient; `no_mailbox`: there is none such."""

    def __init__(
        self, detail: str, *, permanent: bool = False, refused: bool = False, no_mailbox: bool = False
    ) -> None:
        self.detail = " ".join(detail.split())[:_LONGEST_ERROR]
        self.permanent = permanent or refused
        self.refused = refused
        self.no_mailbox = no_mailbox
        super().__init__(self.detail)


def transmit(message: Message, parts: Parts) -> Receipt:
    """Hand one message over. Raises SendFailed and nothing else.

    When the line drops after the text was sent, nobody knows whether it was taken: that counts as not
    taken, and the message goes out again under the same Message-ID.
    """
    mail = _mail(message, parts)
    try:
        mail.send()
    except Exception as error:
        raise failure_of(error) from error
    status = getattr(mail, "anymail_status", None)
    if status is not None and status.status == {"failed"}:
        raise SendFailed("The provider could not send it.")
    return Receipt(provider_name(), _provider_id(status, parts))


def provider_name() -> str:
    """The last but one word of the backend's path: `smtp`, `filebased`, `postmark`."""
    return str(settings.EMAIL_BACKEND.rsplit(".", 2)[-2])


def _mail(message: Message, parts: Parts) -> EmailMultiAlternatives:
    mail = EmailMultiAlternatives(
        subject=message.subject,
        body=parts.text,
        from_email=message.sender or None,
        to=[message.recipient],
        reply_to=[parts.reply_to] if parts.reply_to else None,
        headers=dict(parts.headers),
    )
    if parts.html:
        mail.attach_alternative(parts.html, "text/html")
    for item in parts.attachments:
        mail.attach(item.name, item.content, item.content_type)
    extras = {"metadata": {METADATA: str(message.uid)}, "track_opens": False, "track_clicks": False}
    vars(mail).update(extras)  # read by the backends of anymail, ignored by Django's own
    return mail


def _provider_id(status: Any, parts: Parts) -> str:
    given = getattr(status, "message_id", None)
    if given is None or isinstance(given, set):  # a set: ids of several recipients, which we never have
        given = parts.headers.get("Message-ID", "").strip("<>")
    return str(given)[:255]


def failure_of(error: Exception) -> SendFailed:  # noqa: PLR0911 - one table, a line a case
    """What an exception of sending means for the message."""
    match error:
        case smtplib.SMTPRecipientsRefused():
            code, answer = next(iter(error.recipients.values()), (0, b""))
            return _refused(int(code), _text(answer))
        case smtplib.SMTPDataError():
            said = f"{error.smtp_code} {_text(error.smtp_error)}"
            return SendFailed(said, permanent=error.smtp_code >= _PERMANENT)
        case smtplib.SMTPResponseException():  # login, greeting, sender
            return SendFailed(f"{error.smtp_code} {_text(error.smtp_error)}")
        case smtplib.SMTPNotSupportedError():  # the address needs what the server cannot do
            return SendFailed(str(error), permanent=True)
        case AnymailRecipientsRefused():
            return SendFailed("The provider refused the recipient.", refused=True, no_mailbox=_invalid(error))
        case AnymailInvalidAddress() | AnymailUnsupportedFeature() | AnymailSerializationError():
            return SendFailed(str(error), permanent=True)
        case AnymailAPIError():
            return SendFailed(str(error), permanent=error.status_code in _REFUSED_BY_API)
        case ValueError() if not isinstance(error, OSError):  # an address or header that cannot be written
            return SendFailed(f"{type(error).__name__}: {error}", permanent=True)
    return SendFailed(f"{type(error).__name__}: {error}")


def _refused(code: int, said: str) -> SendFailed:
    permanent = code >= _PERMANENT
    no_mailbox = permanent and bool(_NO_SUCH_MAILBOX.search(said))
    return SendFailed(f"{code} {said}", refused=permanent, no_mailbox=no_mailbox)


def _invalid(error: AnymailRecipientsRefused) -> bool:
    status = getattr(error.email_message, "anymail_status", None)
    return getattr(status, "status", None) == {"invalid"}


def _text(said: bytes | str) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else said
