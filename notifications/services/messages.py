"""Mail on its way out: rendered and written down now, sent after the commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from accounts.models import Account
from config.kit import ids
from config.kit.enqueue import enqueue
from licenses.models import License
from notifications.domain.headers import (
    UnfitHeader,
    check_address,
    check_line,
    check_mailbox,
    split_mailbox,
)
from notifications.errors import UnfitMessage
from notifications.models import Message, Stream
from notifications.parts import Attachment, Parts, parts_seal
from notifications.rendering import render
from notifications.unsubscribing import unsubscribe_url

LONGEST_KEY = 200


def message_queue(
    *,
    template: str,
    to: str,
    context: Mapping[str, Any],
    stream: Stream,
    dedupe_key: str,
    account: Account | None = None,
    license: License | None = None,  # noqa: A002 - the word of the vocabulary
    attachments: Sequence[Attachment] = (),
    secrets: Sequence[str] = (),
    sender: str = "",
    reply_to: str = "",
    actor: str,
    at: datetime,
) -> Message:
    """Render a mail, write it down under `dedupe_key` and have it sent after the commit.

    A second call with the same key returns the message that is there and sends nothing. Runs inside the
    caller's transaction, so that a change and the mail about it are kept or lost together. `secrets` are
    texts of the context that staff without `see_key_text` must not read in the log.
    Raises UnknownTemplate, and UnfitMessage for an address, name or key that cannot stand in a header.
    """
    known = Message.objects.filter(dedupe_key=dedupe_key).first()
    if known is not None:
        return known
    uid = ids.uuid7()
    link = "" if stream == Stream.TRANSACTIONAL else unsubscribe_url(uid, stream)
    rendered = render(template, {**context, "unsubscribe_url": link})
    message = Message(
        uid=uid,
        template=template,
        stream=stream,
        dedupe_key=_fit("dedupe_key", dedupe_key, check_key),
        recipient=_fit("to", to.strip(), check_address),
        sender=_fit("sender", sender, check_mailbox) if sender else "",
        subject=rendered.subject,
        parts=parts_seal(
            Parts(
                text=rendered.text,
                html=rendered.html,
                headers=message_headers(uid, link),
                reply_to=_fit("reply_to", reply_to, check_address) if reply_to else "",
                attachments=tuple(_fit_attachment(item) for item in attachments),
                secrets=tuple(secrets),
            )
        ),
        account=account,
        license=license,
        due_at=at,
        created_by=actor,
        created_at=at,
    )
    return message_insert(message)


def message_insert(message: Message) -> Message:
    """Insert a new message and have it sent after the commit; under a taken key return the one that is there."""
    try:
        with transaction.atomic():
            message.save(force_insert=True)
    except IntegrityError:
        known = Message.objects.filter(dedupe_key=message.dedupe_key).first()
        if known is None:
            raise
        return known
    enqueue("notifications.send_message", message.pk)
    return message


def message_headers(uid: UUID, unsubscribe: str) -> dict[str, str]:
    """The headers of our own. `Message-ID` is the message's for good: a mail that arrives twice is recognised."""
    headers = {"Message-ID": message_id(uid), "Auto-Submitted": "auto-generated"}
    if unsubscribe:
        # RFC 8058: one POST to the address, without asking again
        headers["List-Unsubscribe"] = f"<{unsubscribe}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers


def message_id(uid: UUID) -> str:
    domain = split_mailbox(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    if domain == "localhost":
        domain = urlsplit(settings.BASE_URL).hostname or domain
    return f"<{uid}@{domain.encode('idna').decode()}>"


def check_key(key: str) -> str:
    """A dedupe key is one line that fits its column. Raises UnfitHeader."""
    if not 0 < len(key) <= LONGEST_KEY:
        raise UnfitHeader(f"a dedupe key has 1 to {LONGEST_KEY} characters")
    return check_line(key, "a dedupe key")


def _fit(field: str, value: str, check: Any) -> Any:
    try:
        return check(value)
    except UnfitHeader as error:
        raise UnfitMessage(field, str(error)) from error


def _fit_attachment(item: Attachment) -> Attachment:
    for value in (item.name, item.content_type):
        _fit("attachments", value, lambda text: check_line(text, "the name or type of a file"))
    return item
