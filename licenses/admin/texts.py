"""Texts that people typed, shown as text; addresses in them become links."""

from __future__ import annotations

import re

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

# Only addresses that say so, and never the full stop or bracket after them.
_ADDRESS = re.compile(r"""https?://[^\s<>"'`{}|\\^]*[^\s<>"'`{}|\\^.,;:!?)\]]""", re.IGNORECASE)
LONGEST = 2000


def linked(text: str) -> SafeString:
    """A text of several lines; http and https addresses open in a page that knows nothing of this one."""
    pieces: list[tuple[SafeString]] = []
    end = 0
    for found in _ADDRESS.finditer(text):
        address = found[0]
        if len(address) > LONGEST:
            continue
        pieces.append((format_html("{}", text[end : found.start()]),))
        link = '<a href="{0}" class="text-link" rel="noopener noreferrer nofollow" target="_blank">{0}</a>'
        pieces.append((format_html(link, address),))
        end = found.end()
    pieces.append((format_html("{}", text[end:]),))
    return format_html('<div class="sg-text">{}</div>', format_html_join("", "{}", pieces))
