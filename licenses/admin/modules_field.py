"""Entitlements as a list to choose from: the product's own catalogue, with a value where one is wanted (C20, D6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextInputWidget

from licenses.domain.cells import entitlement_value
from licenses.domain.entitlements import Entitlement
from licenses.models import Product

CHOSEN = "chosen"
LONGEST = 200


@dataclass(frozen=True, slots=True)
class Modules:
    """What was chosen, by product: slugs, and the texts of those that have a value."""

    mode: str = ""
    chosen: Mapping[str, list[str]] = field(default_factory=dict)
    values: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def of(self, product: Product) -> dict[str, Entitlement] | None:
        """The entitlements for a product; None when they are to be as the plan says."""
        if self.mode != CHOSEN:
            return None
        key = str(product.pk)
        texts = {slug: self.values.get((key, slug), "").strip() for slug in self.chosen.get(key, [])}
        return {slug: entitlement_value(text) if text else True for slug, text in texts.items()}

    @classmethod
    def from_map(cls, entitlements: Mapping[str, Any] | None, product: Product | None) -> Modules:
        """As the widget shows entitlements that are set already."""
        if entitlements is None or product is None or not fits(entitlements, product):
            return cls()
        key = str(product.pk)
        values = {(key, slug): _typed(value) for slug, value in entitlements.items() if value is not True}
        return cls(CHOSEN, {key: list(entitlements)}, values)


def fits(entitlements: Mapping[str, Any], product: Product) -> bool:
    """Can the list show these? Not what the catalogue lacks, nor a value that cannot be typed in one field."""
    plain = all(entitlement_value(_typed(value)) == value for value in entitlements.values())
    return bool(product.entitlement_catalogue) and plain and set(entitlements) <= product.entitlement_slugs


def _typed(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class ModulesWidget(forms.Widget):
    """A list for each product that has a catalogue; a script shows the one of the chosen plan."""

    template_name = "licenses/modules_widget.html"
    use_fieldset = True
    products: Iterable[Product] = ()

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Modules:
        chosen, values = {}, {}
        for product in self.products:
            key = str(product.pk)
            chosen[key] = data.getlist(f"{name}-{key}") if hasattr(data, "getlist") else []
            for slug in product.entitlement_slugs:
                values[key, slug] = data.get(f"{name}-{key}-{slug}", "")
        return Modules(data.get(name, ""), chosen, values)

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return name not in data

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context = super().get_context(name, None, attrs)
        modules = value if isinstance(value, Modules) else Modules()
        context["widget"] |= {
            "mode": modules.mode,
            "products": [self._list(product, modules) for product in self.products],
            "box": " ".join(UnfoldAdminCheckboxSelectMultipleWidget().attrs["class"].split()),
            "input": " ".join(UnfoldAdminTextInputWidget().attrs["class"].split()),
            "longest": LONGEST,
        }
        return context

    def _list(self, product: Product, modules: Modules) -> dict[str, Any]:
        key = str(product.pk)
        rows = [
            {
                "slug": row["slug"],
                "name": row.get("name") or row["slug"],
                "description": row.get("description", ""),
                "chosen": row["slug"] in modules.chosen.get(key, []),
                "value": modules.values.get((key, row["slug"]), ""),
            }
            for row in product.entitlement_catalogue
        ]
        return {"pk": product.pk, "name": product.name, "rows": rows}


class ModulesField(forms.Field):
    """Gives a `Modules`, which says what it means once the product is known."""

    widget = ModulesWidget

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"label": "Modules", "required": False, **kwargs})

    def clean(self, value: Modules) -> Modules:
        if any(len(text) > LONGEST for text in value.values.values()):
            raise forms.ValidationError(f"A value has {LONGEST} characters at most.", code="too_long")
        return value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(initial != data)
