"""Merchant profiles in the back office: whom buyers pay (C32). Keys and secrets go in and never come out."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin import display
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextareaWidget, UnfoldAdminURLInputWidget

from accounts.second_factor import required
from billing.admin.offers import MANAGE
from billing.models import MerchantProfile
from billing.services.endpoints import webhook_path
from billing.services.merchants import (
    merchant_create,
    merchant_delete,
    merchant_make_default,
    merchant_update,
)
from billing.services.webhook_secrets import secrets_proven
from config.kit import actors
from config.kit.admin import tell
from config.kit.clock import now
from config.kit.display import instant, label
from config.kit.errors import Refusal
from config.kit.sealing import SealingKeyMissing
from licenses.admin.catalogue import CatalogueAdmin, JSONForm
from licenses.domain.tier_caps import Cap
from trials.admin.program_fields import LinesField

VIEW = "billing.view_merchantprofile"
SECRETS = ("new_api_key", "new_webhook_secrets")


class MerchantForm(JSONForm):
    redirect_hosts = LinesField(
        label="Hosts that buyers may be sent back to",
        help_text="One a line, as shop.example.com or localhost:3000.",
    )
    success_url = forms.URLField(
        label="After paying", required=False, assume_scheme="https", widget=UnfoldAdminURLInputWidget(),
        help_text="Where a buyer goes unless the storefront says so.",
    )  # fmt: skip
    cancel_url = forms.URLField(
        label="After giving up", required=False, assume_scheme="https", widget=UnfoldAdminURLInputWidget()
    )
    new_api_key = forms.CharField(
        label="Stripe secret key", required=False, max_length=300,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="Sealed, and never shown again. Empty: the one that is there stays.",
    )  # fmt: skip
    new_webhook_secrets = forms.CharField(
        label="Webhook signing secrets", required=False, max_length=2000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2, "spellcheck": "false", "autocomplete": "off"}),
        help_text="One a line, the newest first. Sealed, and never shown again. Empty: those that are there stay.",
    )  # fmt: skip

    def clean_new_webhook_secrets(self) -> list[str]:
        return [
            line.strip() for line in self.cleaned_data["new_webhook_secrets"].splitlines() if line.strip()
        ]


def create(**data: Any) -> MerchantProfile:
    return merchant_create(**_given(data))


def update(**data: Any) -> MerchantProfile:
    return merchant_update(**_given(data))


def _given(data: dict[str, Any]) -> dict[str, Any]:
    """An empty secret stays as it is: the form never shows what is there."""
    return {name.removeprefix("new_"): value for name, value in data.items() if name not in SECRETS or value}


@admin.register(MerchantProfile)
class MerchantAdmin(CatalogueAdmin):
    form = MerchantForm
    create, update, argument = create, update, "merchant"
    cap = Cap.MERCHANTS
    FIXED = ("slug",)
    list_display = ("name", "slug", "stripe_account", "state", "secrets_shown", "hosts_shown")
    list_display_links = ("name",)
    search_fields = ("name", "slug", "stripe_account")
    ordering = ("-is_default", "name")
    prepopulated_fields = {"slug": ("name",)}
    change_form_outer_before_template = "admin/signet/merchant_head.html"
    empty_title = "No merchant profile"
    empty_text = "The next migration makes the default one."
    fieldsets = (
        (None, {"fields": ("name", "slug", "stripe_account")}),
        ("Secrets", {"fields": SECRETS,
                     "description": "The default profile uses those of the settings while these are empty."}),
        ("What buyers see", {"fields": (("brand", "support_email"), "mail_from")}),
        ("Where buyers go afterwards", {"fields": ("redirect_hosts", "success_url", "cancel_url")}),
    )  # fmt: skip

    class Media:
        css = {"all": ("signet/license.css",)}

    # --- who may ----------------------------------------------------------------------------------

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(VIEW) or request.user.has_perm(MANAGE)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(MANAGE)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(MANAGE)

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        return {} if obj is not None else dict(self.prepopulated_fields)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Who only looks sees no field of a secret, not even an empty one."""
        found = super().get_fieldsets(request, obj)
        return found if self.has_change_permission(request, obj) else [f for f in found if f[0] != "Secrets"]

    # --- buttons ----------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path(
                "<int:pk>/default/",
                view(require_POST(self.default_view)),
                name="billing_merchantprofile_default",
            ),
            path(
                "<int:pk>/remove/",
                view(require_POST(self.remove_view)),
                name="billing_merchantprofile_remove",
            ),
            *super().get_urls(),
        ]

    def default_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self._row(request, pk)
        merchant_make_default(merchant=row, actor=actors.user(request.user), at=now())
        messages.success(request, f"{row.name} now sells what names no profile.")
        return HttpResponseRedirect(reverse("admin:billing_merchantprofile_change", args=[pk]))

    def remove_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self._row(request, pk)
        try:
            merchant_delete(merchant=row, actor=actors.user(request.user), at=now())
        except Refusal as refusal:
            tell(request, refusal)
            return HttpResponseRedirect(reverse("admin:billing_merchantprofile_change", args=[pk]))
        messages.success(request, f"The profile {row.name} is deleted.")
        return HttpResponseRedirect(reverse("admin:billing_merchantprofile_changelist"))

    def _row(self, request: HttpRequest, pk: int) -> MerchantProfile:
        if not self.has_change_permission(request):
            raise PermissionDenied
        row = MerchantProfile.objects.filter(pk=pk).first()
        if row is None:
            raise Http404
        return row

    def changeform_view(self, request: HttpRequest, object_id: str | None = None, form_url: str = "",
                        extra_context: Any = None) -> Any:  # fmt: skip
        refused = required(request) if self._posts_secrets(request) else None
        if refused is not None:
            return refused
        row = self.get_object(request, object_id) if object_id else None
        context: dict[str, Any] = {}
        if row is not None:
            context = {"said": _said(row), "listening": _listening(row), "again": request.path}
        if row is not None and not row.is_default and self.has_change_permission(request):
            context["make_default"] = reverse("admin:billing_merchantprofile_default", args=[row.pk])
            context["remove"] = reverse("admin:billing_merchantprofile_remove", args=[row.pk])
        return super().changeform_view(request, object_id, form_url, {**(extra_context or {}), **context})

    def _posts_secrets(self, request: HttpRequest) -> bool:
        """Whoever replaces a key of Stripe's or of a webhook sends money and events elsewhere."""
        may = self.has_change_permission(request)
        return may and any(request.POST.get(name, "").strip() for name in SECRETS)

    # --- list -------------------------------------------------------------------------------------

    @display(description="State")
    def state(self, row: MerchantProfile) -> SafeString | str:
        return label("default", "info") if row.is_default else "-"

    @display(description="Secrets")
    def secrets_shown(self, row: MerchantProfile) -> SafeString:
        return secrets_label(row)

    @display(description="Hosts")
    def hosts_shown(self, row: MerchantProfile) -> str:
        return ", ".join(row.redirect_hosts[:3]) or "-"


def secrets_label(row: MerchantProfile) -> SafeString:
    """Whether there are a key and webhook secrets; never what they are."""
    own = [words for words, held in (("key", row.api_key), ("webhook secret", row.webhook_secrets)) if held]
    if own:
        return label(" and ".join(own), "success" if len(own) == len(SECRETS) else "warning")
    return format_html("{}", "of the settings") if row.is_default else label("none", "warning")


def _listening(row: MerchantProfile) -> dict[str, Any]:
    """The address of its events, and whether each webhook secret has proved itself."""
    try:
        proofs = secrets_proven(row)
    except SealingKeyMissing:
        proofs = []
    return {
        "url": f"{settings.BASE_URL}{webhook_path(row)}",
        "proofs": [(proof.place, proof.last_at and instant(proof.last_at)) for proof in proofs],
    }


def _said(row: MerchantProfile) -> str:
    held = [
        words for words, kept in (("A key", row.api_key), ("webhook secrets", row.webhook_secrets)) if kept
    ]
    first = f"{' and '.join(held)} of its own: sealed." if held else "No key of its own."
    return f"{first} It sells what names no profile." if row.is_default else first
