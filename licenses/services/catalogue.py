"""Products, plans and presets (C19, C20)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts.models import Account
from config.kit.errors import FieldError, Invalid
from config.kit.locks import locked
from history.services import record
from licenses.domain.entitlements import EntitlementError, parse
from licenses.domain.enums import Kind
from licenses.domain.plans import PlanTerms, plan_problems
from licenses.domain.tier_caps import Cap
from licenses.gates import cap_require, catalogue_guard, own_license_lock, own_products
from licenses.models import License, Plan, Preset, Product
from licenses.services.issuing import license_draft
from licenses.services.row_writing import full_clean, known_fields, name_problems, row_assign, row_save
from licenses.terms import TERMS, refuse_unknown

PRODUCT_FIELDS = frozenset(
    {
        "slug", "product_key", "name", "audience", "algorithm", "default_format", "entitlement_catalogue",
        "seat_label", "active",
    }
)  # fmt: skip
PLAN_FIELDS = frozenset(
    {
        "slug", "name", "edition", "kind", "duration_days", "seats", "nodes", "machines", "collectors", "warn_days",
        "grace_days", "entitlements", "price_override_minor", "public", "active", "archived", "tier_rank",
        "recurring", "period_days", "billing_grace_days", "trial_days",
    }
)  # fmt: skip
PRESET_FIELDS = frozenset({"name", "plan", "kind", "defaults", "position", "active"})
# A preset is used for years: it holds a term, never a date, and nothing of one machine.
PRESET_TERMS = TERMS - {"starts_at", "expires_at", "fingerprint_sha256", "crm_ref"}
PRESET_TYPES = {
    "edition": str, "comment": str, "online_url": str, "prefer_online": bool, "perpetual": bool,
}  # fmt: skip


def product_create(*, actor: str, at: datetime, **fields: Any) -> Product:
    """Create a product; `audience` and `slug` default to the product key.

    The first by which Signet itself is licensed needs no room. Raises Invalid, Exists, TierCap (402, C10),
    CatalogueGuarded (403, E27), as everything here does.
    """
    catalogue_guard(at)
    key = fields.get("product_key", "")
    product = Product(**known_fields({"slug": key, "audience": key, **fields}, PRODUCT_FIELDS), created_at=at)
    _check_product(product)
    with transaction.atomic():
        if product.audience == settings.SELF_LICENSE_PRODUCT:
            own_license_lock()
        if product.audience != settings.SELF_LICENSE_PRODUCT or own_products().exists():
            cap_require(Cap.PRODUCTS, at=at)
        row_save(product, ("slug", "product_key"))
        _record("product.created", f"product:{product.product_key}", {"active": product.active}, actor, at)
    return product


def product_update(*, product: Product, actor: str, at: datetime, **fields: Any) -> Product:
    """Change a product. Its key and audience are in issued tokens and stay. Raises Invalid, Exists."""
    catalogue_guard(at)
    for name in ("product_key", "audience"):
        if name in fields and fields[name] != getattr(product, name):
            raise Invalid([FieldError(name, "fixed", f"The {name.replace('_', ' ')} is in issued licenses.")])
    with transaction.atomic():
        product = locked(Product.objects.filter(pk=product.pk)).get()
        changed = row_assign(product, known_fields(fields, PRODUCT_FIELDS))
        _check_product(product)
        _refuse_orphaned_entitlements(product)
        if changed:
            row_save(product, ("slug",), changed)
            subject = f"product:{product.product_key}"
            _record("product.changed", subject, {"fields": changed, "active": product.active}, actor, at)
    return product


def plan_create(*, product: Product, actor: str, at: datetime, **fields: Any) -> Plan:
    """Create a plan of a product. Each bad combination of C19 is one entry of Invalid (400).

    Raises TierCap (402) for a plan too many (C11) and for a recurring one without its entitlement (C14).
    """
    catalogue_guard(at)
    plan = Plan(product=product, **known_fields(fields, PLAN_FIELDS), created_at=at)
    _check_plan(plan)
    with transaction.atomic():
        cap_require(Cap.PLANS, used=product.plans.count, at=at)
        if plan.recurring:
            cap_require(Cap.RECURRING, at=at)
        row_save(plan, ("slug",))
        _record("plan.created", f"plan:{product.product_key}/{plan.slug}", _plan_data(plan), actor, at)
    return plan


def plan_update(*, plan: Plan, actor: str, at: datetime, **fields: Any) -> Plan:
    """Change a plan for licenses cut from now on; licenses keep the snapshot they were cut with.

    Raises TierCap (402) when it would become recurring without the entitlement (C14).
    """
    catalogue_guard(at)
    if "slug" in fields and fields["slug"] != plan.slug:
        raise Invalid([FieldError("slug", "fixed", "The code of a plan is in issued licenses.")])
    with transaction.atomic():
        plan = locked(Plan.objects.select_related("product").filter(pk=plan.pk)).get()
        changed = row_assign(plan, known_fields(fields, PLAN_FIELDS))
        _check_plan(plan)
        if "recurring" in changed and plan.recurring:
            cap_require(Cap.RECURRING, at=at)
        if changed:
            row_save(plan, (), changed)
            subject = f"plan:{plan.product.product_key}/{plan.slug}"
            _record("plan.changed", subject, {"fields": changed, **_plan_data(plan)}, actor, at)
    return plan


def preset_create(*, actor: str, at: datetime, **fields: Any) -> Preset:
    """Create a quick-generate preset (D9); its terms must make a license. Raises Invalid, Exists."""
    catalogue_guard(at)
    preset = Preset(**known_fields(fields, PRESET_FIELDS))
    _check_preset(preset, actor, at)
    with transaction.atomic():
        row_save(preset, ("name",))
        _record("preset.created", f"preset:{preset.pk}", {"active": preset.active}, actor, at)
    return preset


def preset_update(*, preset: Preset, actor: str, at: datetime, **fields: Any) -> Preset:
    """Change a preset (D9). Raises Invalid, Exists."""
    catalogue_guard(at)
    with transaction.atomic():
        preset = locked(Preset.objects.filter(pk=preset.pk)).get()
        changed = row_assign(preset, known_fields(fields, PRESET_FIELDS))
        _check_preset(preset, actor, at)
        if changed:
            row_save(preset, ("name",), changed)
            _record("preset.changed", f"preset:{preset.pk}", {"fields": changed}, actor, at)
    return preset


def preset_move(*, preset: Preset, up: bool, actor: str, at: datetime) -> int:
    """Swap a preset with the one before or behind it (D9); return its place, from 1. At the end it stays."""
    catalogue_guard(at)
    with transaction.atomic():
        rows = list(locked(Preset.objects.order_by("position", "name")))
        place = rows.index(preset)
        target = max(0, place - 1) if up else min(len(rows) - 1, place + 1)
        return _put(rows, place, target, actor, at)


def preset_place(*, preset: Preset, beside: Preset, below: bool, actor: str, at: datetime) -> int:
    """Put a preset right above or below another one (D9); return its place, from 1. Beside itself it stays."""
    catalogue_guard(at)
    with transaction.atomic():
        rows = list(locked(Preset.objects.order_by("position", "name")))
        place, other = rows.index(preset), rows.index(beside)
        if place == other:
            return place + 1
        return _put(rows, place, other + below - (place < other), actor, at)


def _put(rows: list[Preset], place: int, target: int, actor: str, at: datetime) -> int:
    """Number all rows anew with one of them moved; one event where it moved. Call inside a transaction."""
    moved = rows.pop(place)
    rows.insert(target, moved)
    for position, row in enumerate(rows, start=1):
        if row.position != position:
            row.position = position
            row.save(update_fields=["position"])
    if target != place:
        data = {"fields": ["position"], "position": target + 1}
        _record("preset.changed", f"preset:{moved.pk}", data, actor, at)
    return target + 1


def _check_preset(preset: Preset, actor: str, at: datetime) -> None:
    """A preset is refused when it is saved, not when somebody presses its button."""
    full_clean(preset)
    if not isinstance(preset.defaults, dict):
        raise Invalid([FieldError("defaults", "malformed", "Terms are an object of names and values.")])
    refuse_unknown(preset.defaults, PRESET_TERMS)
    wrong = [
        FieldError(name, "wrong_type", "This value has the wrong type.")
        for name, kind in PRESET_TYPES.items()
        if name in preset.defaults and type(preset.defaults[name]) is not kind
    ]
    if wrong:
        raise Invalid(wrong)
    license_draft(
        account=Account(name=preset.name), plan=preset.plan, terms=preset.defaults, kind=Kind(preset.kind),
        origin=License.Origin.STAFF, actor=actor, at=at,
    )  # fmt: skip


def _check_product(product: Product) -> None:
    problems = []
    for index, row in enumerate(_rows(product.entitlement_catalogue)):
        try:
            parse([row.get("slug")])
        except EntitlementError as error:
            problems.append(FieldError(f"entitlement_catalogue.{index}.slug", error.reason, error.detail))
    problems += name_problems("product_key", f"product:{product.product_key}")
    if problems:
        raise Invalid(problems)
    full_clean(product)


def _rows(catalogue: Any) -> list[Mapping[str, Any]]:
    if isinstance(catalogue, list) and all(isinstance(row, Mapping) for row in catalogue):
        return catalogue
    detail = "A list of objects with slug, name and description."
    raise Invalid([FieldError("entitlement_catalogue", "malformed", detail)])


def _refuse_orphaned_entitlements(product: Product) -> None:
    """C20: a catalogue must keep every slug that the product's plans use."""
    if not product.entitlement_slugs:
        return
    used = {slug for plan in product.plans.filter(archived=False) for slug in plan.entitlements}
    missing = sorted(used - product.entitlement_slugs)
    if missing:
        detail = f"Plans still use {', '.join(missing)}."
        raise Invalid([FieldError("entitlement_catalogue", "in_use", detail)])


def _check_plan(plan: Plan) -> None:
    found = plan_problems(_plan_terms(plan), plan.product.entitlement_slugs)
    problems = [FieldError(FIELD_OF.get(p.field, p.field), p.code, p.detail) for p in found]
    problems += name_problems("slug", f"plan:{plan.product.product_key}/{plan.slug}") if not found else []
    if problems:
        raise Invalid(problems)
    plan.entitlements = parse(plan.entitlements)
    full_clean(plan)


FIELD_OF = {"price_override": "price_override_minor", "trial": "kind"}


def _plan_terms(plan: Plan) -> PlanTerms:
    return PlanTerms(
        slug=plan.slug,
        duration_days=plan.duration_days,
        grace_days=plan.grace_days,
        warn_days=plan.warn_days,
        machines=plan.machines,
        trial=plan.kind == Kind.TRIAL,
        price_override=plan.price_override_minor,
        entitlements=plan.entitlements,
        public=plan.public,
        active=plan.active,
        archived=plan.archived,
        tier_rank=plan.tier_rank,
        recurring=plan.recurring,
        period_days=plan.period_days,
        billing_grace_days=plan.billing_grace_days,
        trial_days=plan.trial_days,
        seats=plan.seats,
        nodes=plan.nodes,
        collectors=plan.collectors,
        edition=plan.edition,
        kind=plan.kind,
    )


def _plan_data(plan: Plan) -> dict[str, Any]:
    return {
        "kind": str(plan.kind),
        "edition": str(plan.edition),
        "duration_days": plan.duration_days,
        "seats": plan.seats,
        "nodes": plan.nodes,
        "active": plan.active,
        "archived": plan.archived,
    }


def _record(kind: str, subject: str, data: dict[str, Any], actor: str, at: datetime) -> None:
    record(kind=kind, subject=subject, actor=actor, data=data, at=at)
