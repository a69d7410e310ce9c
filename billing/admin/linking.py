"""Links from the catalogue to the orders that use it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.db.models import BooleanField, QuerySet, Value
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

LOOK = "billing.view_checkout"


def linked_for(rows: QuerySet[Any], request: HttpRequest) -> QuerySet[Any]:
    """Rows that know whether this member of staff may follow their links."""
    found: QuerySet[Any] = rows.annotate(
        linked=Value(request.user.has_perm(LOOK), output_field=BooleanField())
    )
    return found


def orders_url(row: Any, filters: dict[str, Any]) -> str:
    """The orders that these filters leave; empty for who may not look at them."""
    if not vars(row).get("linked"):
        return ""
    try:
        return f"{reverse('admin:billing_checkout_changelist')}?{urlencode(filters)}"
    except NoReverseMatch:
        return ""


def count_link(words: str, url: str) -> SafeString:
    """A number, linked where one may look."""
    shape = '<a href="{1}" class="text-link whitespace-nowrap">{0}</a>' if url else "{0}"
    return format_html(shape, words, url)
