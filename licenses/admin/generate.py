"""Issuing a license by hand: the custom form (D6), with what will be signed beside it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST, require_safe

from config.kit import actors
from config.kit.clock import now
from config.kit.errors import Refusal
from config.kit.ids import uuid7
from licenses.admin.account_field import ForAccount, may_open_accounts, remember, suggestions
from licenses.admin.forms import format_of, posted
from licenses.admin.generate_forms import LicenseForm, plan_facts
from licenses.admin.key_sight import may_see_keys
from licenses.admin.license_actions import may_create
from licenses.admin.modules_field import Modules, fits
from licenses.admin.pages import form_page, issued_page
from licenses.admin.people import staff
from licenses.domain.claim_words import claim_lines
from licenses.domain.enums import Kind
from licenses.models import Preset
from licenses.services.granting import license_grant_to, license_preview
from licenses.services.issuing import Granted

SUMMARY = "admin/signet/generate_summary.html"
# What the summary need not say: it is the same for every license, or stands in the form itself.
UNSAID = frozenset({"iss", "sub", "lic", "ver"})


TERMS = ((30, "30 days"), (90, "90 days"), (365, "1 year"), (730, "2 years"), (1095, "3 years"))


class Generation:
    """Mixed into the admin of licenses: the form behind its add button."""

    model: Any

    def get_urls(self) -> list[URLPattern]:
        urls: list[URLPattern] = super().get_urls()  # type: ignore[misc] # mixed into a ModelAdmin
        view = self.admin_site.admin_view  # type: ignore[attr-defined] # of the ModelAdmin
        return [
            path("add/preview/", view(require_POST(self.preview_view)), name="licenses_license_preview"),
            path("accounts/", view(require_safe(self.accounts_view)), name="licenses_license_accounts"),
            *urls,
        ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(kinds_allowed(request))

    def accounts_view(self, request: HttpRequest) -> HttpResponse:
        self._demand(request)
        return suggestions(request)

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """What pressing the button would sign, or what is in its way."""
        self._demand(request)
        form = _form(request)
        return TemplateResponse(request, SUMMARY, {"summary": _summary(request, form)})

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        self._demand(request)
        form = _form(request)
        granted = form.submit(request, lambda data: _grant(request, form, data))
        if granted is not None:
            remember(request, granted.license.account)
            messages.success(request, f"License {granted.license.public_id} was created and its key signed.")
            return issued_page(request, granted.issued)
        return form_page(
            request, form, title="Issue license", submit="Issue license", opts=self.model._meta,
            back=reverse("admin:licenses_license_changelist"), template="admin/signet/generate.html",
            preview_url=reverse("admin:licenses_license_preview"), plan_facts=plan_facts(form.plans),
            summary=_blank(form), terms=TERMS, form_key=uuid7(),
            consequences=(
                "A license is created and its first key signed. Creator and date are kept for good.",
                "Where a field stays empty, what the plan says holds.",
            ),
        )  # fmt: skip

    def _demand(self, request: HttpRequest) -> None:
        if not self.has_add_permission(request):
            raise PermissionDenied


def kinds_allowed(request: HttpRequest) -> set[Kind]:
    """The kinds of license that this member of staff may make (D15)."""
    return {kind for kind in Kind if may_create(request, kind)}


def _form(request: HttpRequest) -> LicenseForm:
    return LicenseForm(
        posted(request),
        initial=_prefill(request),
        kinds=kinds_allowed(request),
        may_see_key=may_see_keys(request, kinds_allowed(request)),
        may_open=may_open_accounts(request),
    )


def _grant(request: HttpRequest, form: LicenseForm, data: dict[str, Any]) -> Granted:
    if not may_create(request, form.kind_wanted()):
        raise PermissionDenied
    creator = staff(request)
    return license_grant_to(
        account=form.for_whom(), plan=data["plan"], terms=form.terms(), kind=form.kind_wanted(),
        internal=data["internal"], format=format_of(data), persist=data.get("persist"),
        actor=actors.user(creator), creator=creator, form_key=request.POST.get("form_key", ""), at=now(),
    )  # fmt: skip


def _summary(request: HttpRequest, form: LicenseForm) -> dict[str, Any]:
    if not form.is_valid():
        return _blank(form)
    try:
        preview = license_preview(
            account=form.for_whom(), plan=form.cleaned_data["plan"], terms=form.terms(), kind=form.kind_wanted(),
            internal=form.cleaned_data["internal"], format=format_of(form.cleaned_data),
            actor=actors.user(request.user), at=now(),
        )  # fmt: skip
    except Refusal as refusal:
        form.refuse(refusal)
        return _blank(form)
    row = preview.license
    return {
        "row": row,
        "opens": row.account.pk is None,
        "lines": [line for line in claim_lines(preview.claims) if line.name not in UNSAID],
        "kid": preview.kid,
        "format": preview.format,
        "ended": row.expires_at is not None and row.expires_at <= now(),
        "allowed": may_create(request, Kind(row.kind)),
    }


def _blank(form: LicenseForm) -> dict[str, Any]:
    """What is still missing or wrong, field by field."""
    if not form.is_bound:
        return {"missing": []}
    said = form.errors.get_json_data()
    order = ["account", *ForAccount.NEW, *(name for _, names in form.SECTIONS for name in names)]
    return {
        "missing": [
            (_label(form, name), " ".join(error["message"] for error in said[name]))
            for name in sorted(said, key=lambda name: order.index(name) if name in order else -1)
        ]
    }


def _label(form: LicenseForm, name: str) -> str:
    return str(form[name].label) if name in form.fields else ""


def _prefill(request: HttpRequest) -> dict[str, Any]:
    """What the address brings along: an account, or a preset's terms (D9)."""
    account, preset_id = request.GET.get("account", ""), request.GET.get("preset", "")
    found: dict[str, Any] = {"account": account} if account.isdecimal() else {}
    presets = Preset.objects.select_related("plan__product").filter(active=True)
    preset = presets.filter(pk=preset_id).first() if preset_id.isdecimal() and len(preset_id) < 19 else None  # noqa: PLR2004 - beyond no key
    if preset is None:
        return found
    terms = dict(preset.defaults)
    entitlements, product = terms.get("entitlements"), preset.plan.product
    if isinstance(entitlements, dict) and fits(entitlements, product):
        del terms["entitlements"]
        terms["modules"] = Modules.from_map(entitlements, product)
    return {**terms, **found, "plan": preset.plan_id, "product": product.pk, "kind": preset.kind}
