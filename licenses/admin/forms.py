"""Fields of the license office, and the form base of the kit under its old roof."""

from __future__ import annotations

import json
from datetime import UTC
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from config.kit.forms import ServiceForm, count, note, posted, select, switch, text
from licenses.domain.entitlements import Entitlement, EntitlementError, parse
from licenses.domain.enums import Format
from licenses.domain.formats import MAX_TEXT
from licenses.models.catalogue import choices

__all__ = [
    "EntitlementsField",
    "InstantField",
    "KeyField",
    "ServiceForm",
    "count",
    "entitlements_of",
    "entitlements_text",
    "format_field",
    "format_of",
    "note",
    "persist_field",
    "posted",
    "select",
    "switch",
    "text",
]


class KeyField(forms.CharField):
    """A key as it is pasted. A browser's line ends become the file's own, and a license file gets the one
    that it always ends with: from a text area nobody can paste it otherwise.
    """

    def __init__(self, *, rows: int = 4, **kwargs: Any) -> None:
        attrs = {"rows": rows, "spellcheck": "false", "autocomplete": "off"}
        widget = UnfoldAdminTextareaWidget(attrs=attrs)
        super().__init__(**{"label": "Key", "max_length": MAX_TEXT, "widget": widget, **kwargs})

    def to_python(self, value: Any) -> Any:
        text = (super().to_python(value) or "").replace("\r\n", "\n")
        return f"{text}\n" if text.startswith("{") else text


class EntitlementsField(forms.CharField):
    """Entitlements as people type them: a list of slugs, or JSON for values. Empty gives None."""

    widget = UnfoldAdminTextareaWidget

    def __init__(self, **kwargs: Any) -> None:
        widget = UnfoldAdminTextareaWidget(attrs={"rows": 3, "spellcheck": "false"})
        super().__init__(**{"required": False, "widget": widget, **kwargs})

    def to_python(self, value: Any) -> Any:
        text = (super().to_python(value) or "").strip()
        if not text:
            return None
        return entitlements_of(text)

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) or value is None else entitlements_text(value)


def entitlements_of(text: str) -> dict[str, Entitlement]:
    """Read what was typed. Raises ValidationError with a sentence that says where it is wrong."""
    raw: Any = text.replace(",", " ").split()
    if text[0] in '{["':
        try:
            raw = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError(_where(error), code="malformed") from error
    try:
        return parse(raw)
    except EntitlementError as error:
        named = f"“{error.slug}”: " if error.slug else ""
        raise forms.ValidationError(f"{named}{error.detail}.", code=error.reason) from error


def _where(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"Not JSON: {error.msg.lower()} in line {error.lineno}, column {error.colno}."
    return "Not JSON that can be read."


def entitlements_text(value: Any) -> str:
    """Slugs line by line when that says it all, otherwise JSON."""
    if isinstance(value, dict) and all(item is True for item in value.values()):
        return "\n".join(value)
    return json.dumps(value, indent=2, ensure_ascii=False)


class InstantField(forms.DateTimeField):
    """An instant in UTC, from the browser's own date and time picker; a date alone is its midnight."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.DateTimeInput(
            format="%Y-%m-%dT%H:%M",
            attrs={
                "type": "datetime-local",
                "class": " ".join(UnfoldAdminTextInputWidget().attrs["class"].split()),
            },
        )
        formats = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"]
        super().__init__(**{"required": False, "widget": widget, "input_formats": formats, **kwargs})

    def to_python(self, value: Any) -> Any:
        at = super().to_python(value)
        return None if at is None else at.astimezone(UTC)


def format_field() -> forms.ChoiceField:
    return select("Format", [("", "The product's own"), *choices(Format)], required=False)


def persist_field() -> forms.BooleanField:
    return forms.BooleanField(
        label="Keep the key",
        required=False,
        initial=True,
        help_text="Off: the key is shown once and only its hash is kept.",
        widget=UnfoldBooleanSwitchWidget(),
    )


def format_of(data: dict[str, Any]) -> Format | None:
    return Format(data["format"]) if data.get("format") else None
