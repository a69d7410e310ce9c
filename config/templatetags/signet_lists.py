"""What the templates of lists ask for."""

from __future__ import annotations

from typing import Any

from django.template import Library

register = Library()


@register.simple_tag
def filter_chips(changelist: Any) -> list[Any]:
    """The search and the filters that are on, each with the way to take it back."""
    from config.kit.changelist import chips  # Unfold renders a template while it is being imported

    return chips(changelist)


@register.inclusion_tag("admin/signet/keyset_table.html", takes_context=True)
def keyset_table(context: Any, changelist: Any) -> dict[str, Any]:
    """The table of a list. A tenth of what Unfold writes for each cell, and so of what a browser has to read."""
    from unfold.templatetags.unfold_list import result_headers  # as above

    from config.kit.changelist import table_rows

    headers = list(result_headers(changelist))
    has_menu = bool(getattr(changelist.model_admin, "row_menu_template", ""))
    labels = [str(header["text"]) for header in headers]
    return {
        "cl": changelist,
        "headers": headers,
        "rows": list(table_rows(changelist, labels, has_menu=has_menu)),
        "has_menu": has_menu,
        "has_add_permission": context.get("has_add_permission"),
        "request": context.get("request"),
    }


@register.filter
def row_action(url_name: str) -> str:
    """The action that an address belongs to: `renew` of `admin:licenses_license_renew`."""
    return url_name.rpartition("_")[2]
