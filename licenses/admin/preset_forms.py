"""The form of a preset: its terms as fields."""

from __future__ import annotations

from typing import Any

from licenses.admin.forms import count, select, switch, text
from licenses.admin.generate_forms import PlanField, PlanTermsForm, open_plans
from licenses.admin.modules_field import Modules, fits
from licenses.domain.enums import Kind
from licenses.models import Preset
from licenses.models.catalogue import choices

SAME = ("edition", "quantity", "seats", "nodes", "machines", "collectors", "days", "perpetual", "warn_days",
        "grace_days", "prefer_online", "online_url", "comment")  # fmt: skip


class PresetForm(PlanTermsForm):
    """Name a button and say what its keys grant."""

    SECTIONS = (
        ("The button", ("name", "plan", "kind", "active")),
        ("How long", ("days", "perpetual", "warn_days", "grace_days")),
        ("How much", ("edition", "quantity", "seats", "nodes", "machines", "collectors")),
        ("What it unlocks", ("modules", "entitlements")),
        ("Where", ("prefer_online", "online_url", "comment")),
    )
    WIDE = ("modules", "entitlements", "comment")

    name = text("Name", max_length=100, required=True, help_text="What stands on the button.")
    plan = PlanField(label="Plan")
    kind = select("Kind", choices(Kind), help_text="Test: the key is made at once.")
    active = switch("Shown", "Off: the button is not on the quick page.")
    warn_days = count("Warn before the end (days)")
    grace_days = count("Grace after the end (days)")
    fingerprint = None  # type: ignore[assignment] # so Django takes a field away: a preset is for many machines

    def __init__(self, *args: Any, preset: Preset | None = None, **kwargs: Any) -> None:
        plans = list(open_plans())
        if preset is not None and preset.plan_id not in {plan.pk for plan in plans}:
            plans.append(preset.plan)
        products = list({plan.product_id: plan.product for plan in plans}.values())
        initial = {"kind": Kind.TEST, "active": True} if preset is None else _initial(preset)
        super().__init__(*args, products=products, initial=initial, **kwargs)
        self.plans = plans
        field: Any = self.fields["plan"]
        field.queryset = open_plans() if preset is None else open_plans(besides=preset.plan_id)

    def terms(self) -> dict[str, Any]:
        """What differs from the plan, as a preset keeps it."""
        data = self.cleaned_data
        given = {name: data[name] for name in (*SAME, "entitlements")}
        return {
            name: value
            for name, value in given.items()
            if not (value is None or value is False or value == "")
        }

    def facts(self) -> dict[str, Any]:
        """The arguments of the services."""
        data = self.cleaned_data
        return {
            "name": data["name"],
            "plan": data["plan"],
            "kind": data["kind"],
            "active": data["active"],
            "defaults": self.terms(),
        }


def _initial(preset: Preset) -> dict[str, Any]:
    initial = {name: preset.defaults[name] for name in SAME if name in preset.defaults}
    entitlements, product = preset.defaults.get("entitlements"), preset.plan.product
    if isinstance(entitlements, dict) and fits(entitlements, product):
        initial["modules"] = Modules.from_map(entitlements, product)
    elif entitlements is not None:
        initial["entitlements"] = entitlements
    facts = {name: getattr(preset, name) for name in ("name", "kind", "active")}
    return {**initial, **facts, "plan": preset.plan_id}
