"""What a message is made of, as it stands sealed in its row: texts, headers and files."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from config.kit.sealing import seal, unseal


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a mail. `secret`: it is shown only to who may see the text of keys."""

    name: str
    content_type: str
    content: bytes
    secret: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """A mail without its envelope. `secrets` are texts within it that are masked wherever staff look at it.

    `erased`: its keys were taken out when their time was over.
    """

    text: str
    html: str
    headers: Mapping[str, str] = field(default_factory=dict)
    reply_to: str = ""
    attachments: tuple[Attachment, ...] = ()
    secrets: tuple[str, ...] = ()
    erased: bool = False


def parts_seal(parts: Parts) -> bytes:
    """Raises SealingKeyMissing (503)."""
    document = {
        "text": parts.text,
        "html": parts.html,
        "headers": dict(parts.headers),
        "reply_to": parts.reply_to,
        "attachments": [
            {
                "name": item.name,
                "content_type": item.content_type,
                "content": base64.b64encode(item.content).decode(),
                "secret": item.secret,
            }
            for item in parts.attachments
        ],
        "secrets": list(parts.secrets),
        "erased": parts.erased,
    }
    return seal(json.dumps(document).encode())


def parts_unseal(sealed: bytes) -> Parts:
    """Raises SealingKeyMissing (503)."""
    document = json.loads(unseal(sealed))
    attachments = tuple(
        Attachment(item["name"], item["content_type"], base64.b64decode(item["content"]), item["secret"])
        for item in document.pop("attachments")
    )
    return Parts(attachments=attachments, secrets=tuple(document.pop("secrets")), **document)
