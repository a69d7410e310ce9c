"""Fields of the settings of digests and notices."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelect2Widget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
)

from notifications.domain.days import zone_names

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class LinesField(forms.CharField):
    """A list of texts, one a line; commas and semicolons part them too."""

    def __init__(self, *, rows: int = 4, **kwargs: Any) -> None:
        widget = UnfoldAdminTextareaWidget(attrs={"rows": rows, "spellcheck": "false"})
        super().__init__(**{"required": False, "widget": widget, "strip": True, **kwargs})

    def to_python(self, value: Any) -> Any:
        text = value if isinstance(value, str) else "\n".join(map(str, value or ()))
        lines = text.replace(",", "\n").replace(";", "\n").splitlines()
        return [line.strip() for line in lines if line.strip()]

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else "\n".join(map(str, value or ()))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.to_python(initial) != self.to_python(data))


def hour_field(help_text: str) -> forms.TypedChoiceField:
    hours = [(hour, f"{hour:02d}:00") for hour in range(24)]
    return forms.TypedChoiceField(
        choices=hours, coerce=int, help_text=help_text, widget=UnfoldAdminSelectWidget()
    )


def zone_field() -> forms.ChoiceField:
    """The zones of the IANA database; what is kept of another name stays choosable (see `keep_choice`)."""
    return forms.ChoiceField(
        choices=[(name, name.replace("_", " ")) for name in zone_names()],
        label="Time zone",
        help_text="Its days and hours count. Daylight saving is followed.",
        widget=UnfoldAdminSelect2Widget(),
    )


def keep_choice(form: forms.BaseForm, name: str, value: Any) -> None:
    """Let the value that a row has be chosen although the list of choices lacks it."""
    field: Any = form.fields.get(name)
    if field is not None and value not in dict(field.choices):
        field.choices = [(value, value), *field.choices]


def kinds_field(kinds: Iterable[str]) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        choices=[(str(kind), str(kind).capitalize()) for kind in kinds],
        label="Kinds of license",
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        error_messages={"required": "Choose at least one kind."},
    )


def weekdays_field() -> forms.TypedMultipleChoiceField:
    return forms.TypedMultipleChoiceField(
        choices=list(enumerate(WEEKDAYS)),
        coerce=int,
        label="Days of the week",
        help_text="What expires on the other days stands in the next digest.",
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        error_messages={"required": "Choose at least one day of the week."},
    )
