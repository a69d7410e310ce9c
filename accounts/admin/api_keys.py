"""API keys: the token is shown once, on the page that answers the creation."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.contrib.filters.admin import ChoicesDropdownFilter, TextFilter
from unfold.decorators import action, display

from accounts.admin.dialogs import dialog, run_on
from accounts.models import ApiKey
from accounts.second_factor import SecondFactorRequired
from accounts.selectors import slug_now
from accounts.services.api_keys import api_key_create, api_key_revoke
from config.kit import actors
from config.kit.admin import ServiceAdmin
from config.kit.clock import now

MANAGE = "accounts.manage_credentials"


class OfAccount(TextFilter):  # type: ignore[misc] # unfold ships no types
    """Keys that are bound to the account with this slug."""

    title = "account (slug)"
    parameter_name = "account"

    def queryset(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
        slug = (self.value() or "").strip()
        if not slug:
            return queryset
        return queryset.filter(account__slug=slug_now(slug)) if slug.isprintable() else queryset.none()


@admin.register(ApiKey)
class ApiKeyAdmin(SecondFactorRequired, ServiceAdmin):
    list_display = ("prefix", "name", "role", "account", "state", "last_used_on", "created_at")
    list_display_links = ("prefix", "name")
    list_filter = (("role", ChoicesDropdownFilter), OfAccount)
    list_select_related = ("account",)
    search_fields = ("name", "prefix")
    ordering = ("-id",)
    fields = ("name", "prefix", "role", "account", "state", "expires_at", "revoked_at", "last_used_on",
              "created_by", "created_at")  # fmt: skip
    readonly_fields = ("prefix", "state", "revoked_at", "last_used_on", "created_by", "created_at")
    actions_detail = ("revoke",)

    @display(description="state", label={"live": "success", "expired": "warning", "revoked": "danger"})  # type: ignore[untyped-decorator] # unfold ships no types
    def state(self, key: ApiKey) -> str:
        return key.state(now())

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        return ("name", "role", "account", "expires_at") if obj is None else self.fields

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("accounts.view_apikey") or request.user.has_perm(MANAGE)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(MANAGE)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_revoke_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        live = ApiKey.objects.filter(pk=object_id, revoked_at=None)
        return request.user.has_perm(MANAGE) and live.exists()

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        key, token = api_key_create(**form.cleaned_data, actor=actors.user(request.user), at=now())
        vars(obj).update(vars(key))
        vars(request)["new_token"] = token

    def response_add(
        self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the token in the answer itself: no message, session or log ever holds it."""
        context = {
            **self.admin_site.each_context(request),
            "title": f"API key {obj.prefix}",
            "key": obj,
            "token": vars(request)["new_token"],
            "done_url": reverse("admin:accounts_apikey_change", args=[obj.pk]),
        }
        return TemplateResponse(request, "admin/accounts/apikey/created.html", context)

    @action(  # type: ignore[untyped-decorator] # unfold ships no types
        description="Revoke",
        icon="key_off",
        permissions=["revoke"],
        dialog=dialog("Revoke this API key", "It stops working with the next call, for good.", "Revoke"),
    )
    def revoke(self, request: HttpRequest, _form: Any, object_id: str) -> HttpResponse:
        def service(row: ApiKey) -> None:
            api_key_revoke(key=row, actor=actors.user(request.user), at=now())

        return run_on(self, request, object_id, service, "The API key is revoked.")
