"""What is typed into the pages of the second factor."""

from __future__ import annotations

from django import forms
from django.http import QueryDict
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from config.kit.errors import Refusal
from config.kit.forms import ServiceForm

LONGEST_CODE = 40


def _code_field(*, autofocus: bool) -> forms.CharField:
    attributes = {"autocomplete": "one-time-code", "spellcheck": "false", "autocapitalize": "none"}
    if autofocus:
        attributes["autofocus"] = ""
    return forms.CharField(
        label="Code", max_length=LONGEST_CODE, widget=UnfoldAdminTextInputWidget(attrs=attributes)
    )


class CodeForm(ServiceForm):
    """A code of the app, or a recovery code."""

    refusal: Refusal | None = None
    code = _code_field(autofocus=True)

    def refuse(self, refusal: Refusal) -> None:
        """Every refusal is about the code; keep it for the status of the answer."""
        self.refusal = refusal
        self.add_error("code", refusal.detail)


class EnrolForm(ServiceForm):
    """The app's first code, and the password: who found an open session sets up no app of their own."""

    code = _code_field(autofocus=False)
    password = forms.CharField(
        label="Your password",
        strip=False,
        max_length=4096,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, data: QueryDict | None, *, ask_password: bool) -> None:
        super().__init__(data)
        if not ask_password:
            del self.fields["password"]
