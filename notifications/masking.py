"""Keys within a mail, hidden from staff who may not see the text of keys."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

HIDDEN = "••• key hidden •••"
# Whatever the sender of a mail forgot to name: tokens, LIC1 keys, envelopes, PEM blocks.
_SHAPES = re.compile(
    r"eyJ[\w-]{8,}(?:\.[\w-]+){1,2}"
    r"|\bLIC1-[A-Z2-7-]{16,}"
    r"|\{(?:\"|&quot;)format(?:\"|&quot;):(?:\"|&quot;)signet-license.{16,}?\}"
    r"|-----BEGIN [A-Z ]+-----[\s\S]*?-----END [A-Z ]+-----",
    re.IGNORECASE,
)


def masked(text: str, secrets: Iterable[str], mark: str = HIDDEN) -> str:
    """The text, or the HTML, without the keys in it; `mark` stands in their place."""
    for secret in secrets:
        # a browser's way of writing quotes back, and Django's
        for written in (secret, html.escape(secret, quote=False), html.escape(secret)):
            text = text.replace(written, mark)
    return _SHAPES.sub(mark, text)
