"""The forms that make licenses: the custom form (D6) and the quick test key (D8)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from django import forms
from django.db.models import Q
from django.forms.models import ModelChoiceIterator
from unfold.widgets import UnfoldAdminSelectWidget

from config.kit.errors import Refusal
from licenses.admin.account_field import ForAccount
from licenses.admin.display import limit
from licenses.admin.forms import InstantField, count, format_field, persist_field, select, switch
from licenses.admin.license_forms import TermsForm, place_persist
from licenses.admin.modules_field import ModulesField
from licenses.domain.enums import Kind
from licenses.models import Plan, Product
from licenses.models.catalogue import choices
from licenses.terms import LIMIT_FIELDS

AS_PLANNED = "0: unlimited."
# Refusals that name no field of their own, and where they belong.
REFUSED_AT = {
    "plan_archived": "plan",
    "no_signing_key": "plan",
    "format_unsuitable": "format",
    "license_expired": "expires_at",
}


def open_plans(besides: int | None = None) -> Any:
    """Plans that licenses can be cut from, by product; and the one that is chosen already."""
    wanted = Q(active=True, archived=False, product__active=True) | Q(pk=besides)
    plans = Plan.objects.select_related("product").filter(wanted)
    return plans.order_by("product__name", "product_id", "tier_rank", "slug")


class _ByProduct(ModelChoiceIterator[Plan]):
    def __iter__(self) -> Iterator[Any]:
        yield ("", "Select a plan")
        for product, plans in groupby(self.queryset, key=lambda plan: plan.product):
            yield (product.name, [self.choice(plan) for plan in plans])


class PlanField(forms.ModelChoiceField[Plan]):
    """A plan that is open for new licenses, under the name of its product."""

    iterator = _ByProduct

    def __init__(self, **kwargs: Any) -> None:
        says = {"required": "Choose a plan.", "invalid_choice": "This plan is not open for new licenses."}
        super().__init__(open_plans(), widget=UnfoldAdminSelectWidget(), error_messages=says, **kwargs)

    def label_from_instance(self, plan: Any) -> str:
        return f"{plan.name} ({plan.kind})"


class ProductField(forms.ModelChoiceField[Product]):
    """A product that has an open plan; hidden while there is no choice."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(Product.objects.none(), widget=UnfoldAdminSelectWidget(), required=False, **kwargs)

    def offer(self, products: list[Product]) -> None:
        """Set what there is to choose from."""
        keys = [product.pk for product in products]
        self.queryset = Product.objects.filter(pk__in=keys).order_by("name")
        if len(keys) < 2:  # noqa: PLR2004 - nothing to choose
            self.widget = forms.HiddenInput()
            self.initial = keys[0] if keys else None


class PlanTermsForm(TermsForm):
    """What a license grants, where an empty field means what its plan says."""

    modules = ModulesField()
    days = count("Days", lowest=1, help_text="Instead of an end.")
    perpetual = switch("Perpetual", "It never ends.")

    def __init__(self, *args: Any, products: list[Product], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in LIMIT_FIELDS[1:]:
            self.fields[name].help_text = AS_PLANNED
        self.fields["quantity"].help_text = "How many of it were sold."
        self.fields["quantity"].widget.attrs["placeholder"] = "1"
        widget: Any = self.fields["modules"].widget
        widget.products = [product for product in products if product.entitlement_catalogue]
        text: Any = self.fields["entitlements"]
        text.label = "Other entitlements"
        text.help_text = (
            "Slugs, one a line, or JSON such as {&quot;sso&quot;: true, &quot;projects&quot;: 20}. "
            "Empty: as the plan says."
        )

    def product_wanted(self) -> Product | None:
        """The product that the entitlements are of."""
        plan = self.cleaned_data.get("plan")
        return plan.product if plan else None

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        product, modules = self.product_wanted(), data.get("modules")
        chosen = modules.of(product) if product and modules else None
        if chosen is not None and data.get("entitlements"):
            self.add_error("entitlements", "Choose from the list or type them here, not both.")
        elif chosen is not None:
            data["entitlements"] = chosen
        return data

    def terms(self) -> dict[str, Any]:
        data = self.cleaned_data
        ends = {"perpetual": True} if data["perpetual"] else {}
        return {**super().terms(), **ends, **({} if data["days"] is None else {"days": data["days"]})}


class LicenseForm(ForAccount, PlanTermsForm):
    """Issue a license (D6). `product` only narrows the plans."""

    ALIASES = {**TermsForm.ALIASES, **ForAccount.ALIASES, "customer_id": "account"}
    SECTIONS = (
        ("What", ("product", "plan", "kind", "edition", "internal")),
        ("How long", ("starts_at", "days", "expires_at", "perpetual")),
        ("How much", ("quantity", "seats", "nodes", "machines", "collectors")),
        ("What it unlocks", ("modules", "entitlements")),
        ("Where", ("fingerprint", "prefer_online", "online_url")),
        ("The key", ("format", "persist", "comment")),
    )
    WIDE = ("modules", "entitlements", "comment")

    product = ProductField()
    plan = PlanField(label="Plan")
    kind = select("Kind", [("", "As the plan says"), *choices(Kind)], required=False)
    internal = switch("For internal use", "Out of every revenue and conversion figure.")
    starts_at = InstantField(label="Start (UTC)", help_text="Empty: now.")
    expires_at = InstantField(label="End (UTC)", help_text="The end itself is outside.")
    format = format_field()
    persist = persist_field()

    def __init__(self, *args: Any, kinds: set[Kind], may_see_key: bool, **kwargs: Any) -> None:
        plans = list(open_plans())
        products = list({plan.product_id: plan.product for plan in plans}.values())
        super().__init__(*args, products=products, **kwargs)
        self.plans = plans
        field: Any = self.fields["product"]
        field.offer(products)
        if kinds != set(Kind):
            offered = [(value, label) for value, label in choices(Kind) if Kind(value) in kinds]
            self.fields["kind"].widget.choices = offered
        place_persist(self, may_see_key=may_see_key)

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        product, plan = data.get("product"), data.get("plan")
        if product and plan and plan.product_id != product.pk:
            self.add_error("plan", f"{plan.name} is a plan of {plan.product.name}, not of {product.name}.")
        return data

    def refuse(self, refusal: Refusal) -> None:
        """A refusal without a field goes where it can be put right."""
        name = REFUSED_AT.get(refusal.code)
        if name in self.fields and not refusal.members.get("errors"):
            self.add_error(name, refusal.detail)
        else:
            super().refuse(refusal)

    def kind_wanted(self) -> Kind:
        """The kind that this license will have."""
        return Kind(self.cleaned_data["kind"] or self.cleaned_data["plan"].kind)

    def terms(self) -> dict[str, Any]:
        data = self.cleaned_data
        terms = {**super().terms(), "expires_at": data["expires_at"]}
        return terms if data["starts_at"] is None else {**terms, "starts_at": data["starts_at"]}


def plan_facts(plans: Iterable[Plan]) -> dict[str, Any]:
    """What the scripts of the forms show of each plan where a field is empty."""
    return {
        str(plan.pk): {
            "product": plan.product_id,
            "catalogue": bool(plan.product.entitlement_catalogue),
            "entitlements": plan.entitlements,
            "seats": limit(plan.seats),
            "nodes": limit(plan.nodes),
            "machines": limit(plan.machines),
            "collectors": limit(plan.collectors),
            "days": f"{plan.duration_days:,}" if plan.duration_days else "no end",
            "warn_days": str(plan.warn_days),
            "grace_days": str(plan.grace_days),
            "edition": plan.edition,
            "kind": plan.kind,
        }
        for plan in plans
    }


class TestKeyForm(ForAccount):
    """Choose an account and press a button (D8); `product` only shows when there is a choice."""

    ALIASES = {**ForAccount.ALIASES, "customer_id": "account", "entitlements": "product"}

    product = ProductField()

    def __init__(self, *args: Any, products: list[Product], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["product"]
        field.offer(products)
        field.empty_label = None
        self.fields["account"].widget.attrs["autofocus"] = True
