"""The forms of accounts: their particulars, and what a merge keeps."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.db.models import Q
from django.utils.text import Truncator
from unfold.widgets import (
    UnfoldAdminEmailInputWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.models import Account, ApiKey, User
from accounts.services.merging import PARTICULARS, Source
from config.kit.forms import ServiceForm, note, text

TITLES = {
    "name": "Name",
    "kind": "Type",
    "email": "E-mail",
    "domain": "Domain",
    "owner": "Owner",
    "crm_ref": "CRM record",
    "notes": "Notes",
}


class EditForm(ServiceForm):
    """What may change of an account. Slug and customer id never do."""

    WIDE = ("notes",)

    name = text("Name", max_length=200, required=True)
    email = forms.EmailField(
        label="E-mail", required=False, max_length=254, widget=UnfoldAdminEmailInputWidget(),
        help_text="Where licenses and notices for this account go.",
    )  # fmt: skip
    domain = text("Domain", max_length=253)
    owner = forms.ModelChoiceField(
        User.objects.none(), label="Owner", required=False, empty_label="Nobody",
        widget=UnfoldAdminSelectWidget(), help_text="Who of us looks after it.",
    )  # fmt: skip
    crm_ref = text("CRM record", max_length=100, help_text="Id of the record in the outside CRM.")
    notes = note("Notes", max_length=10_000)

    def __init__(self, data: Any, *, account: Account) -> None:
        super().__init__(data, initial={name: getattr(account, name) for name in self.base_fields})
        owner: Any = self.fields["owner"]
        owner.queryset = User.objects.filter(Q(is_active=True) | Q(pk=account.owner_id)).order_by(
            "name", "email"
        )

    def changes(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in self.changed_data}


class IntoForm(forms.Form):
    """The account that stays."""

    into = forms.ModelChoiceField(
        Account.objects.filter(merged_into=None), label="Merge into",
        widget=AutocompleteSelect(ApiKey._meta.get_field("account"), admin.site),
        help_text="Type a piece of its name.",
    )  # fmt: skip


class MergeForm(ServiceForm):
    """Which particulars stay, and the slug of the account that closes, typed out."""

    confirmation = forms.CharField(max_length=63, widget=UnfoldAdminTextInputWidget())

    def __init__(self, data: Any, *, account: Account, into: Account, keep: dict[str, Source]) -> None:
        super().__init__(data)
        self.account = account
        for name in PARTICULARS:
            options = _options(account, into, name)
            if len(options) > 1:
                self.fields[name] = forms.ChoiceField(
                    label=TITLES[name], choices=options, initial=keep[name].value,
                    widget=UnfoldAdminRadioSelectWidget(),
                )  # fmt: skip
        self.fields["confirmation"].label = f"Type {account.slug} to confirm"
        self.order_fields([*PARTICULARS, "confirmation"])

    def clean_confirmation(self) -> str:
        typed: str = self.cleaned_data["confirmation"].strip()
        if typed != self.account.slug:
            raise forms.ValidationError(f"Type {self.account.slug}, the slug of the account that closes.")
        return typed

    def keep(self) -> dict[str, Source]:
        """What was chosen; where both have the same there was nothing to choose."""
        return {name: Source(self.cleaned_data[name]) for name in PARTICULARS if name in self.cleaned_data}


def _options(account: Account, into: Account, name: str) -> list[tuple[str, str]]:
    ours, theirs = getattr(into, name), getattr(account, name)
    if ours == theirs:
        return []
    shown = {Source.WINNER: _shown(into, name), Source.LOSER: _shown(account, name)}
    options = [(source.value, f"{value or 'nothing'}") for source, value in shown.items()]
    if name == "notes" and ours and theirs:
        options.insert(0, (Source.BOTH.value, "Both, one after the other"))
    return options


def _shown(account: Account, name: str) -> str:
    value = account.get_kind_display() if name == "kind" else getattr(account, name)
    return Truncator(str(value or "")).chars(120)
