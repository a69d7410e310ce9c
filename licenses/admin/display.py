"""How states and ids of the license office look; the rest of it is the kit's."""

from __future__ import annotations

from django.utils.html import format_html
from django.utils.safestring import SafeString

from config.kit.display import day, instant, label, link, mono, page_of, pre
from licenses.domain.enums import KeyState, LicenseStatus, Posture

__all__ = ["badge", "cut", "day", "instant", "limit", "link", "mono", "number", "page_of", "pre", "short_id"]

TONE_OF = {
    LicenseStatus.ACTIVE: "success",
    LicenseStatus.SUSPENDED: "warning",
    LicenseStatus.REVOKED: "danger",
    Posture.VALID: "success",
    Posture.TRIAL: "info",
    Posture.WARNING: "warning",
    Posture.GRACE: "warning",
    Posture.READ_ONLY: "danger",
    Posture.INVALID: "danger",
    KeyState.STAGED: "info",
}


def badge(value: str, tone: str = "") -> SafeString:
    """A state as a coloured label; the colour is the state's own unless given."""
    return label(value.replace("_", "-"), tone or TONE_OF.get(value, ""))  # type: ignore[call-overload] # words are str


def limit(number: int, *, none: str = "unlimited") -> str:
    """A limit, where 0 means none."""
    return f"{number:,}" if number else none


def short_id(public_id: str) -> SafeString:
    """A license id by its end, which tells licenses of one day apart; the whole of it on hovering."""
    return format_html(
        '<span class="sg-mono whitespace-nowrap" title="{}">L-…{}</span>', public_id, public_id[-8:]
    )


def cut(text: str) -> SafeString:
    """A text that may be long, cut at the width of its column; the whole of it on hovering."""
    return format_html('<span class="sg-cut" title="{}">{}</span>', text, text)


def number(text: str) -> SafeString:
    """A figure, so set that figures below each other can be compared."""
    return format_html('<span class="sg-figure">{}</span>', text)
