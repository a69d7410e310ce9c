"""Customers, prospects and internal accounts: the list, and opening one (D5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.contrib.admin import display
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter, RelatedDropdownFilter

from accounts.admin import parts
from accounts.admin.account_page import MANAGE, AccountPage
from accounts.admin.account_parts import kind_label
from accounts.models import Account
from accounts.searching import accounts_found
from accounts.services.accounts import account_create
from config.kit import actors
from config.kit.admin import ServiceAdmin
from config.kit.changelist import KeysetList
from config.kit.clock import now
from config.kit.display import day, link, mono
from config.kit.keyset import Order


class StateFilter(DropdownFilter):  # type: ignore[misc] # unfold ships no types
    """Accounts that were merged into another are left out unless asked for."""

    title = "merged"
    parameter_name = "merged"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("only", "Merged into another"), ("too", "All, merged ones too")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Account]) -> QuerySet[Account]:
        if self.value() == "too":
            return queryset
        return queryset.filter(merged_into__isnull=self.value() != "only")


@admin.register(Account)
class AccountAdmin(AccountPage, KeysetList, ServiceAdmin):
    """The page of one account stands in `account_page`; rooms above add to it and to the list by `parts`."""

    list_display = ("named", "kind_shown", "slug", "domain", "owner_shown", "created")
    list_display_links = ("named",)
    list_filter = (("kind", ChoicesDropdownFilter), ("owner", RelatedDropdownFilter), StateFilter)
    list_select_related = ("owner", "merged_into")
    show_facets = admin.ShowFacets.NEVER  # each would count the whole table
    search_fields = ("name", "slug", "customer_id", "domain", "email")
    search_help_text = "Name, slug, customer id (C-…), domain or e-mail"
    # Each has an index of the same pair of directions; no two accounts have one slug.
    list_orders = {
        "named": Order("name", descends=False),
        "kind_shown": Order("kind", descends=False),
        "slug": Order("slug", descends=False),
        "domain": Order("domain", descends=False),
        "created": Order(descends=False, key_descends=False),
    }
    fields = ("name", "slug", "kind", "email", "domain", "owner", "crm_ref", "notes")

    # --- the list ---------------------------------------------------------------------------------

    @display(description="Account", ordering="name")
    def named(self, account: Account) -> SafeString | str:
        if account.merged_into is None:
            return account.name
        return format_html('{} <span class="text-subtle">(merged)</span>', account.name)

    @display(description="Type", ordering="kind")
    def kind_shown(self, account: Account) -> str:
        return kind_label(account)

    @display(description="Owner")
    def owner_shown(self, account: Account) -> str:
        return str(account.owner) if account.owner else "-"

    @display(description="Created", ordering="id")
    def created(self, account: Account) -> SafeString | str:
        return day(account.created_at)

    @display(description="Merged into")
    def winner(self, account: Account) -> SafeString | str:
        return link(account.merged_into) if account.merged_into else "-"

    @display(description="Customer id")
    def customer(self, account: Account) -> SafeString:
        return mono(account.customer_id)

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        contributed = tuple(_shown(column) for column in parts.columns(request))
        winner = ("winner",) if request.GET.get(StateFilter.parameter_name) else ()
        return (*self.list_display[:4], *contributed, *self.list_display[4:], *winner)

    def get_list_filter(self, request: HttpRequest) -> tuple[Any, ...]:
        return (*self.list_filter, *parts.filters())

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The rows of the page with what other rooms count of them: one query a column, not one a row."""
        changelist = super().get_changelist_instance(request)
        rows = changelist.result_list
        for column in parts.columns(request):
            values = column.values(rows) if rows else {}
            for row in rows:
                vars(row)[f"column_{column.slug}"] = values.get(row.pk, column.empty)
        return changelist

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Account], search_term: str
    ) -> tuple[QuerySet[Account], bool]:
        """A piece of any of its names; forms that choose an account offer open ones only."""
        if request.resolver_match is not None and request.resolver_match.url_name == "autocomplete":
            queryset = queryset.filter(merged_into=None)
        return (queryset & accounts_found(search_term) if search_term.strip() else queryset), False

    # --- who may ----------------------------------------------------------------------------------

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("accounts.view_account") or request.user.has_perm(MANAGE)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(MANAGE)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(MANAGE)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(MANAGE)

    # --- opening one ------------------------------------------------------------------------------

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, **kwargs)
        if "slug" in form.base_fields:
            form.base_fields["slug"].required = False
            form.base_fields["slug"].help_text = "Made from the name when left empty. It never changes."
        return form

    def save_model(self, request: HttpRequest, obj: Account, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        saved = account_create(**form.cleaned_data, actor=actors.user(request.user), at=now())
        vars(obj).update(vars(saved))


def _shown(column: parts.Column) -> Callable[[Account], Any]:
    def value(account: Account) -> Any:
        return vars(account).get(f"column_{column.slug}", column.empty)

    return display(description=column.title)(value)
