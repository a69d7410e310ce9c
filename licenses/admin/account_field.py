"""Choosing an account: type a piece of its name, or open a new one in the same form (D3, D5).

The choice works without scripts, too: whatever is typed is resolved on the server, and nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, JsonResponse
from django.urls import reverse_lazy
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.models import Account
from accounts.naming import account_called, the_account
from accounts.searching import accounts_like
from config.kit.errors import Invalid
from licenses.admin.forms import ServiceForm
from licenses.services.granting import NewAccount

SHOWN = 10
REMEMBERED = 5
RECENT = "recent_accounts"
MANAGE = "accounts.manage_account"
_LABEL = re.compile(r".+ \(([a-z0-9][a-z0-9-]{0,62})\)")
_KEY = re.compile(r"[0-9]{1,18}")


def label_of(account: Account) -> str:
    """An account as a choice: its name, and the slug that tells it from another of that name."""
    return f"{account.name} ({account.slug})"


class AccountWidget(forms.Widget):
    """A text field with suggestions, and the primary key of the chosen one beside it."""

    template_name = "licenses/account_widget.html"
    needs_multipart_form = False

    class Media:
        js = ("signet/accounts.js",)

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        return data.get(name, ""), data.get(f"{name}_text", "")

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return name not in data and f"{name}_text" not in data

    def id_for_label(self, id_: str) -> str:
        return id_

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        key, text = value if isinstance(value, tuple) else (value, "")
        chosen = _by_key(key)
        context["widget"] |= {
            "key": chosen.pk if chosen else "",
            "text": text or (label_of(chosen) if chosen else ""),
            "url": reverse_lazy("admin:licenses_license_accounts"),
            "classes": " ".join(UnfoldAdminTextInputWidget().attrs["class"].split()),
        }
        return context


class AccountField(forms.Field):
    """An existing account (D3): chosen, or typed as slug, customer id, e-mail or exact name."""

    widget = AccountWidget

    def to_python(self, value: Any) -> Account | None:
        key, text = value if isinstance(value, tuple) else (value, "")
        chosen, text = _by_key(key), (text or "").strip()
        try:
            if text and (chosen is None or text != label_of(chosen)):
                labelled = _LABEL.fullmatch(text)
                return account_called(labelled[1] if labelled else text)
            if chosen is not None:
                return the_account(chosen.slug, [chosen])
        except Invalid as refusal:
            raise ValidationError(refusal.detail, code=refusal.errors[0].code) from refusal
        if key:
            raise ValidationError("There is no such account any more.", code="unknown_account")
        return None

    def has_changed(self, initial: Any, data: Any) -> bool:
        return True


def _by_key(key: Any) -> Account | None:
    text = str(key or "")
    rows = Account.objects.select_related("merged_into")
    return rows.filter(pk=text).first() if _KEY.fullmatch(text) else None


class ForAccount(ServiceForm):
    """A form for an account that exists, or for one that it opens. Without the right to open one, only the first."""

    NEW = ("new_name", "new_kind", "new_email")
    ALIASES = {"name": "new_name", "slug": "new_name", "email": "new_email"}

    account = AccountField(required=False)
    new_name = forms.CharField(
        label="Name", max_length=200, required=False, widget=UnfoldAdminTextInputWidget()
    )
    new_kind = forms.ChoiceField(
        label="Type", choices=[(kind.value, kind.label) for kind in Account.Kind], required=False,
        initial=Account.Kind.PROSPECT, widget=UnfoldAdminSelectWidget(),
    )  # fmt: skip
    new_email = forms.EmailField(label="E-mail", required=False, widget=UnfoldAdminEmailInputWidget())

    def __init__(self, *args: Any, may_open: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not may_open:
            for name in self.NEW:
                del self.fields[name]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        opens = bool(data.get("new_name"))
        if "account" not in self.errors and "new_name" not in self.errors:
            if not data.get("account") and not opens:
                self.add_error("account", "Choose an account. A license always belongs to one.")
            elif data.get("account") and opens:
                self.add_error("new_name", "Choose an account or open a new one, not both.")
        return data

    @property
    def opens(self) -> bool:
        """Whether the part for a new account is to stand open."""
        return any(self[name].errors or self[name].data for name in self.NEW[::2] if name in self.fields)

    def for_whom(self) -> Account | NewAccount:
        """The account of a valid form."""
        data = self.cleaned_data
        if data.get("account"):
            account: Account = data["account"]
            return account
        return NewAccount(
            name=data["new_name"], kind=data["new_kind"] or Account.Kind.PROSPECT, email=data["new_email"]
        )


def may_open_accounts(request: HttpRequest) -> bool:
    return request.user.has_perm(MANAGE)


def remember(request: HttpRequest, account: Account) -> None:
    """Keep the account as the last one that this member of staff made a license for."""
    before = [key for key in request.session.get(RECENT, []) if key != account.pk]
    request.session[RECENT] = [account.pk, *before][:REMEMBERED]


def remembered(request: HttpRequest) -> list[Account]:
    """The accounts of late, the last one first."""
    keys = request.session.get(RECENT, [])
    rows = Account.objects.filter(merged_into=None).in_bulk(keys)
    return [rows[key] for key in keys if key in rows]


def suggestions(request: HttpRequest) -> JsonResponse:
    """What the field suggests for the text typed so far; the accounts of late while there is none."""
    text = request.GET.get("q", "").strip()
    found: Iterable[Account] = remembered(request)
    if text:
        found = accounts_like(text).filter(merged_into=None).order_by("name", "pk")[:SHOWN]
    return JsonResponse(
        {
            "recent": not text,
            "results": [
                {"id": row.pk, "label": label_of(row), "name": row.name, "slug": row.slug, "hint": _hint(row)}
                for row in found
            ],
        }
    )


def _hint(account: Account) -> str:
    return " · ".join(part for part in (account.get_kind_display(), account.email or account.domain) if part)
