"""The page of one account: what it is, its numbers and buttons, and the tab that was asked for (D5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.views.decorators.http import require_safe

from accounts.admin import parts
from accounts.admin.account_forms import EditForm, IntoForm, MergeForm
from accounts.models import Account
from accounts.services.accounts import (
    account_delete,
    account_promote,
    account_update,
    refuse_while_owning,
)
from accounts.services.merging import account_merge, merge_preview
from config.kit import actors
from config.kit.clock import now
from config.kit.display import page_of
from config.kit.errors import Refusal
from config.kit.forms import ServiceForm, posted
from config.kit.pages import form_page

MANAGE = "accounts.manage_account"
LIST = "admin:accounts_account_changelist"


class AccountPage:
    """Mixed into the admin of accounts."""

    def get_urls(self) -> list[URLPattern]:
        urls: list[URLPattern] = super().get_urls()  # type: ignore[misc] # mixed into a ModelAdmin
        steps = {"edit": self._edit, "promote": self._promote, "merge": self._merge}
        own = [
            path(f"<path:object_id>/{name}/", self._step(view), name=f"accounts_account_{name}")
            for name, view in steps.items()
        ]
        return [*own, *urls]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """The page is to look at: what changes the account has a form of its own."""
        if not self.has_view_permission(request):  # type: ignore[attr-defined] # mixed into a ModelAdmin
            raise PermissionDenied
        return require_safe(_page)(request, _row(object_id))

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        """Delete an account that owns nothing; say what it owns, and what to do instead, of any other."""
        if not self.has_delete_permission(request):  # type: ignore[attr-defined] # mixed into a ModelAdmin
            raise PermissionDenied
        return self._delete(request, _row(object_id))

    def _step(self, view: Callable[[HttpRequest, Account], HttpResponse]) -> Callable[..., HttpResponse]:
        def step(request: HttpRequest, object_id: str) -> HttpResponse:
            if not request.user.has_perm(MANAGE):
                raise PermissionDenied
            return view(request, _row(object_id))

        return admin.site.admin_view(step)

    def _edit(self, request: HttpRequest, row: Account) -> HttpResponse:
        form = EditForm(posted(request), account=row)

        def service(_data: dict[str, Any]) -> Account:
            return account_update(account=row, changes=form.changes(), **_by(request))

        if form.submit(request, service) is not None:
            return _back(request, row, "The account is saved.")
        return _form(request, row, form, "Edit", submit="Save")

    def _promote(self, request: HttpRequest, row: Account) -> HttpResponse:
        form = ServiceForm(posted(request))
        if form.submit(request, lambda _: account_promote(account=row, **_by(request))) is not None:
            return _back(request, row, f"{row.name} is a customer now.")
        says = (
            f"{row.name} is a customer from now on, in every list and figure.",
            "Nothing changes for its licenses: trials and test keys stay what they are.",
            "There is no way back to prospect.",
        )
        return _form(request, row, form, "Promote", submit="Promote to customer", says=says)

    def _merge(self, request: HttpRequest, row: Account) -> HttpResponse:
        choice = IntoForm(request.GET if request.GET.get("into") else None)
        into = choice.cleaned_data["into"] if choice.is_valid() else None
        context: dict[str, Any] = {"choice": choice, "into": into}
        if into is None:
            # the widget cannot show what is no key
            context |= {"choice": IntoForm(), "refused": "Choose an open account." if choice.is_bound else ""}
            return _merge_page(request, row, ServiceForm(), **context)
        try:
            preview = merge_preview(account=row, into=into)
        except Refusal as refusal:
            return _merge_page(request, row, ServiceForm(), refused=refusal.detail, **context)
        form = MergeForm(posted(request), account=row, into=into, keep=preview.keep)

        def service(_data: dict[str, Any]) -> Account:
            return account_merge(account=row, into=into, keep=form.keep(), **_by(request))

        winner = form.submit(request, service)
        if winner is not None:
            return _back(request, winner, f"{row.name} was merged into {winner.name}.")
        context["moves"] = [owner.counted(number) for owner, number in preview.moves]
        context["stays"] = [(owner.counted(number), reason) for owner, number, reason in preview.stays]
        return _merge_page(request, row, form, preview=preview, **context)

    def _delete(self, request: HttpRequest, row: Account) -> HttpResponse:
        merge = reverse("admin:accounts_account_merge", args=[row.pk])
        try:
            refuse_while_owning(row)
        except Refusal as refusal:
            refused: tuple[str, ...] = (
                refusal.detail,
                format_html('<a class="text-link" href="{}">Merge it into another account</a>', merge),
            )
            return _form(
                request, row, ServiceForm(), "Delete", says=refused, template="admin/signet/only_said.html"
            )
        form = ServiceForm(posted(request))

        def service(_data: dict[str, Any]) -> bool:
            account_delete(account=row, **_by(request))
            return True

        if form.submit(request, service):
            messages.success(request, f"{row.name} is deleted.")
            return HttpResponseRedirect(reverse(LIST))
        says = (f"{row.name} owns nothing and is gone for good.", "The history keeps that it was there.")
        return _form(request, row, form, "Delete", submit="Delete", says=says, danger=True)


def _page(request: HttpRequest, row: Account) -> HttpResponse:
    shown = parts.tabs(request)
    tab = next((tab for tab in shown if tab.slug == request.GET.get("tab")), shown[0])
    buttons = [] if row.merged_into else parts.buttons(request, row)
    numbers = [] if row.merged_into else parts.numbers(request)
    context = {
        **admin.site.each_context(request),
        "title": row.name,
        "opts": Account._meta,
        "original": row,
        "row": row,
        "tab": tab,
        "tabs": [(each, parts.tab_url(row, each.slug)) for each in shown],
        "buttons": [(button, button.url(row)) for button in buttons],
        "has_more": any(not button.front for button in buttons),
        "numbers": [(number, number.shown(row), number.url(row)) for number in numbers],
        **tab.content(request, row),
    }
    return TemplateResponse(request, "admin/signet/account.html", context)


def _merge_page(request: HttpRequest, row: Account, form: ServiceForm, **context: Any) -> HttpResponse:
    shown = {
        "original": row,
        "row": row,
        "back": page_of(row),
        "media": context["choice"].media + form.media,
        **context,
    }
    return form_page(
        request, form, title=f"Merge {row.name}", submit="Merge", opts=Account._meta,
        template="admin/signet/account_merge.html", danger=True, **shown,
    )  # fmt: skip


def _form(
    request: HttpRequest, row: Account, form: ServiceForm, title: str, *, submit: str = "",
    says: tuple[str, ...] = (), **context: Any,
) -> HttpResponse:  # fmt: skip
    return form_page(
        request, form, title=f"{title}: {row.name}", submit=submit, consequences=says, back=page_of(row),
        opts=Account._meta, original=row, **context,
    )  # fmt: skip


def _row(object_id: str) -> Account:
    rows = Account.objects.select_related("owner", "merged_into")
    row = rows.filter(pk=object_id).first() if object_id.isdecimal() else None
    if row is None:
        raise Http404
    return row


def _by(request: HttpRequest) -> dict[str, Any]:
    return {"actor": actors.user(request.user), "at": now()}


def _back(request: HttpRequest, row: Account, said: str) -> HttpResponse:
    messages.success(request, said)
    return HttpResponseRedirect(page_of(row))
