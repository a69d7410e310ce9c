"""Products and plans (C19, C20)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import display
from django.db.models import Model
from django.http import HttpRequest
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.widgets import UnfoldAdminTextareaWidget

from config.kit import actors
from config.kit.admin import ServiceAdmin
from config.kit.clock import now
from licenses.admin.forms import EntitlementsField
from licenses.domain.tier_caps import Cap, notice
from licenses.gates import cap_use, standing_now
from licenses.models import Plan, Product
from licenses.services.catalogue import (
    plan_create,
    plan_update,
    product_create,
    product_update,
)

Service = Callable[..., Any]


class CatalogueAdmin(ServiceAdmin):
    """What products, plans and presets have in common: they are never deleted, and some fields are in issued licenses.

    `FIXED` fields are set once; `create` and `update` are the services, `argument` is the row's name there.
    """

    FIXED: ClassVar[tuple[str, ...]] = ()
    cap: ClassVar[Cap | None] = None
    create: ClassVar[Service]
    update: ClassVar[Service]
    argument: ClassVar[str]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        self._tell_cap(request, adding=False)
        return super().changelist_view(request, extra_context)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        self._tell_cap(request, adding=True)
        return super().add_view(request, form_url, extra_context)

    def _tell_cap(self, request: HttpRequest, *, adding: bool) -> None:
        """C17: a banner as long as there are more than could be made now, a warning before the last one."""
        if self.cap is None or request.method != "GET":
            return
        use = cap_use(self.cap)
        words = notice(use, standing_now().tier.capitalize(), adding=adding) if use else ""
        if words:
            messages.warning(request, words)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else self.FIXED

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        by = {"actor": actors.user(request.user), "at": now()}
        if change:
            given = {name: form.cleaned_data[name] for name in form.changed_data}
            row = type(obj)._default_manager.get(pk=obj.pk)  # the form wrote its values into `obj`
            saved = type(self).update(**{self.argument: row}, **given, **by)
        else:
            saved = type(self).create(**form.cleaned_data, **by)
        vars(obj).update(vars(saved))


class JSONForm(forms.ModelForm):  # type: ignore[type-arg] # generic over several models
    """JSON fields as indented text."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field, forms.JSONField):
                field.widget = UnfoldAdminTextareaWidget(attrs={"rows": 6, "spellcheck": "false"})
                field.prepare_value = _indented  # type: ignore[method-assign] # Django has no option for it
                field.empty_values = [None, ""]

    def _post_clean(self) -> None:
        """Leave constraints to the service: it names the field and the range, the table only the constraint."""
        vars(self.instance)["validate_constraints"] = lambda **_: None
        super()._post_clean()  # type: ignore[misc] # Django's own hook
        del vars(self.instance)["validate_constraints"]


def _indented(value: Any) -> Any:
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


@admin.register(Product)
class ProductAdmin(CatalogueAdmin):
    form = JSONForm
    create, update, argument = product_create, product_update, "product"
    cap = Cap.PRODUCTS
    FIXED = ("product_key", "audience")
    list_display = ("name", "product_key", "audience", "algorithm", "default_format", "active")
    list_display_links = ("name", "product_key")
    list_filter = (("active", BooleanRadioFilter),)
    search_fields = ("name", "slug", "product_key")
    ordering = ("name",)
    fields = ("name", "product_key", "slug", "audience", "algorithm", "default_format", "seat_label",
              "entitlement_catalogue", "active")  # fmt: skip


class PlanForm(JSONForm):
    entitlements = EntitlementsField(
        help_text="Slugs, one a line, or JSON such as {&quot;sso&quot;: true, &quot;projects&quot;: 20}."
    )

    def clean_entitlements(self) -> dict[str, Any]:
        return self.cleaned_data["entitlements"] or {}


@admin.register(Plan)
class PlanAdmin(CatalogueAdmin):
    form = PlanForm
    create, update, argument = plan_create, plan_update, "plan"
    cap = Cap.PLANS
    FIXED = ("product", "slug")
    list_display = (
        "name",
        "product",
        "slug",
        "kind",
        "edition",
        "term",
        "seats",
        "nodes",
        "active",
        "archived",
    )
    list_display_links = ("name", "slug")
    list_select_related = ("product",)
    list_filter = (
        ("product", RelatedDropdownFilter),
        ("kind", ChoicesDropdownFilter),
        ("edition", ChoicesDropdownFilter),
        ("active", BooleanRadioFilter),
        ("archived", BooleanRadioFilter),
    )
    search_fields = ("name", "slug", "product__name")
    ordering = ("product__name", "tier_rank", "slug")
    fieldsets = (
        (None, {"fields": ("product", "slug", "name", "kind", "edition")}),
        ("Terms", {"fields": ("duration_days", "seats", "nodes", "machines", "collectors", "entitlements",
                              "warn_days", "grace_days")}),
        ("Sale", {"fields": ("price_override_minor", "tier_rank", "recurring", "period_days",
                             "billing_grace_days", "trial_days", "public", "active", "archived")}),
    )  # fmt: skip

    @display(description="Term")
    def term(self, plan: Plan) -> str:
        return f"{plan.duration_days} days" if plan.duration_days else "perpetual"
