"""How instants, labels and links look in the admin. Everything that people typed is escaped here, once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

NEUTRAL = "bg-base-500/8 text-base-700 dark:bg-base-500/20 dark:text-base-200"
TONES = {
    "info": "bg-blue-100 text-blue-700 dark:bg-blue-500/20 dark:text-blue-400",
    "danger": "bg-red-100 text-red-700 dark:bg-red-500/20 dark:text-red-400",
    "warning": "bg-orange-100 text-orange-700 dark:bg-orange-500/20 dark:text-orange-400",
    "success": "bg-green-100 text-green-700 dark:bg-green-500/20 dark:text-green-400",
}


def label(text: str, tone: str = "") -> SafeString:
    """A word as a coloured label; tones are info, success, warning and danger."""
    return format_html(
        '<span class="inline-block font-semibold rounded-default text-[11px] uppercase whitespace-nowrap '
        'h-6 leading-6 px-2 {}">{}</span>',
        TONES.get(tone, NEUTRAL),
        text,
    )


def instant(at: datetime | None, *, none: str = "-") -> str:
    """An instant with its zone."""
    return none if at is None else f"{at:%Y-%m-%d %H:%M} UTC"


def day(at: datetime | None, *, none: str = "-") -> SafeString | str:
    """The day of an instant, the whole of it on hovering."""
    if at is None:
        return none
    return format_html('<span class="whitespace-nowrap" title="{}">{}</span>', instant(at), f"{at:%Y-%m-%d}")


def mono(text: str) -> SafeString:
    return format_html('<span class="sg-mono sg-wrap">{}</span>', text)


def pre(text: str) -> SafeString:
    return format_html('<pre class="sg-mono sg-pre">{}</pre>', text)


def page_of(row: Any) -> str:
    """Address of a row's page in the admin."""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def link(row: Any, text: str = "") -> SafeString:
    """A link to a row's page."""
    return format_html('<a href="{}" class="text-link">{}</a>', page_of(row), text or str(row))
