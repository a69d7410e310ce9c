"""Rows within a form: the steps of a price and the components of a bundle, one line of inputs each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from billing.domain.offers import MOST_ITEMS, MOST_TIERS
from licenses.models import Plan

EMPTY_ROWS = 3


@dataclass(frozen=True, slots=True)
class Column:
    """One input of a row. `kind` is number, decimal, flag or plan; an empty one is `empty`."""

    name: str
    title: str
    kind: str = "number"
    empty: Any = None


class RowsWidget(forms.Widget):
    """A line of inputs for each row and three for new ones; a line that says nothing is taken away."""

    use_fieldset = True

    def __init__(self, columns: Sequence[Column], most: int, what: str) -> None:
        super().__init__()
        self.columns, self.most, self.what = columns, most, what
        self.options: list[tuple[str, str]] = []

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[dict[str, str]]:
        rows = [
            {
                column.name: str(data.get(f"{name}-{place}-{column.name}", "")).strip()
                for column in self.columns
            }
            for place in range(self.most)
        ]
        return [row for row in rows if any(row.values())]

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return f"{name}-0-{self.columns[0].name}" not in data

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        rows = [*(value or ()), *({} for _ in range(EMPTY_ROWS))][: self.most]
        context = {
            "name": name,
            "what": self.what,
            "rows": [[(column, _shown(row.get(column.name))) for column in self.columns] for row in rows],
            "options": self.options,
            "input": " ".join(UnfoldAdminTextInputWidget().attrs["class"].split()),
            "select": " ".join(UnfoldAdminSelectWidget().attrs["class"].split()),
        }
        return SafeString(render_to_string("admin/signet/offer_rows.html", context))


def _shown(value: Any) -> str:
    if value is None or value is False:
        return ""
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)


class RowsField(forms.Field):
    """Gives the rows as the service takes them. What is wrong with one, the service says."""

    def __init__(self, columns: Sequence[Column], *, most: int, what: str, **kwargs: Any) -> None:
        self.columns = columns
        super().__init__(required=False, widget=RowsWidget(columns, most, what), **kwargs)

    def clean(self, value: Sequence[Mapping[str, Any]] | None) -> list[dict[str, Any]]:
        return [
            {column.name: self._value(column, row.get(column.name), place) for column in self.columns}
            for place, row in enumerate(value or (), start=1)
        ]

    def _value(self, column: Column, text: Any, place: int) -> Any:
        if column.kind == "flag":
            return bool(text)
        if text in {"", None}:
            return column.empty
        try:
            return Decimal(str(text).replace(",", ".")) if column.kind == "decimal" else int(str(text))
        except (InvalidOperation, ValueError) as error:
            words = f"Line {place}: {column.title.lower()} is a number."
            raise forms.ValidationError(words, code="invalid") from error

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.clean(initial) != self.clean(data))
        except forms.ValidationError:
            return True


class ItemsField(RowsField):
    """Components, whose plan comes as a row of the table."""

    def clean(self, value: Sequence[Mapping[str, Any]] | None) -> list[dict[str, Any]]:
        rows = super().clean(value)
        plans = {
            plan.pk: plan for plan in Plan.objects.filter(pk__in=[row["plan"] for row in rows if row["plan"]])
        }
        return [{**row, "plan": plans.get(row["plan"])} for row in rows]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return True  # the service compares


TIER_COLUMNS = (
    Column("up_to", "Up to (empty: no bound)"),
    Column("amount_minor", "Price, minor units", empty=0),
    Column("factor", "or base times", "decimal", empty=Decimal(1)),
    Column("per_unit", "For each seat", "flag"),
)
ITEM_COLUMNS = (
    Column("plan", "Plan", "plan"),
    Column("quantity", "Licenses", empty=1),
    Column("managed_products", "Seats (empty: the plan's)"),
)


def tiers_field() -> RowsField:
    return RowsField(
        TIER_COLUMNS, most=MOST_TIERS, what="Step", label="Steps of a tiered price",
        help_text="The first step that holds the seats makes the price; a price of its own goes before the base "
        "times a factor. Clear a line to take it away; save for more lines.",
    )  # fmt: skip


def items_field() -> ItemsField:
    return ItemsField(
        ITEM_COLUMNS, most=MOST_ITEMS, what="Component", label="Components of a bundle",
        help_text="Leave the plan above empty and name what the bundle holds: one license a component and count.",
    )  # fmt: skip
