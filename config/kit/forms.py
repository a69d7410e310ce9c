"""Forms of the admin: they parse, a service decides, and its refusal comes back to the fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, TypeVar

from django import forms
from django.forms import BoundField
from django.http import HttpRequest, QueryDict
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from config.kit.errors import Refusal

Result = TypeVar("Result")


def posted(request: HttpRequest) -> QueryDict | None:
    """What a form is bound to: what was posted, were it nothing at all."""
    return request.POST if request.method == "POST" else None


class ServiceForm(forms.Form):
    """A form whose valid data goes to one service.

    `ALIASES` maps names of the service to fields of the form; `SECTIONS` groups the fields on the page,
    `WIDE` are those that take a whole row.
    """

    ALIASES: ClassVar[dict[str, str]] = {}
    SECTIONS: ClassVar[tuple[tuple[str, tuple[str, ...]], ...]] = ()
    WIDE: ClassVar[tuple[str, ...]] = ()

    def refuse(self, refusal: Refusal) -> None:
        """Put a refusal's errors at their fields, and what has no field at the top."""
        entries = refusal.members.get("errors") or [{"pointer": "", "detail": refusal.detail}]
        for entry in entries:
            name = str(entry["pointer"]).removeprefix("/").partition("/")[0]
            name = self.ALIASES.get(name, name)
            self.add_error(name if name in self.fields else None, entry["detail"])

    def submit(self, request: HttpRequest, service: Callable[[dict[str, Any]], Result]) -> Result | None:
        """Call the service with the cleaned data of a POST; None when there is something to put right."""
        if request.method != "POST" or not self.is_valid():
            return None
        try:
            return service(self.cleaned_data)
        except Refusal as refusal:
            self.refuse(refusal)
            return None

    def sections(self) -> Iterator[tuple[str, list[tuple[BoundField, bool]]]]:
        """The groups of fields as the page shows them."""
        for title, names in self.SECTIONS or (("", tuple(self.fields)),):
            fields = [(self[name], name in self.WIDE) for name in names if name in self.fields]
            if fields:
                yield title, fields


def text(label: str, *, max_length: int, required: bool = False, help_text: str = "") -> forms.CharField:
    return forms.CharField(
        label=label, max_length=max_length, required=required, help_text=help_text,
        widget=UnfoldAdminTextInputWidget(),
    )  # fmt: skip


class LinesField(forms.CharField):
    """A text of several lines. A browser sends CR LF for each line end; kept and compared is LF alone."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        return text.replace("\r\n", "\n") if isinstance(text, str) else text


def note(label: str, *, max_length: int, required: bool = False, help_text: str = "") -> LinesField:
    """A text of several lines."""
    return LinesField(
        label=label, max_length=max_length, required=required, help_text=help_text,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )  # fmt: skip


def count(label: str, *, lowest: int = 0, help_text: str = "") -> forms.IntegerField:
    return forms.IntegerField(
        label=label, min_value=lowest, required=False, help_text=help_text,
        widget=UnfoldAdminIntegerFieldWidget(),
    )  # fmt: skip


def switch(label: str, help_text: str = "") -> forms.BooleanField:
    return forms.BooleanField(
        label=label, required=False, help_text=help_text, widget=UnfoldBooleanSwitchWidget()
    )


def select(
    label: str, options: list[tuple[str, Any]], *, required: bool = True, help_text: str = ""
) -> forms.ChoiceField:
    return forms.ChoiceField(
        label=label, choices=options, required=required, help_text=help_text, widget=UnfoldAdminSelectWidget()
    )
