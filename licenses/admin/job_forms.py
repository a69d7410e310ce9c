"""The forms that start work over many rows: a list of accounts, and a file of the older tool."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextareaWidget

from config.kit.errors import Refusal
from config.kit.forms import ServiceForm
from config.kit.tables import Line, decoded, has_header, table_lines
from licenses.admin.forms import InstantField, format_field, format_of, persist_field, select, switch
from licenses.admin.generate_forms import PlanField, PlanTermsForm, ProductField, open_plans
from licenses.admin.license_forms import place_persist
from licenses.domain.enums import Kind
from licenses.models.catalogue import choices
from licenses.services import generating, importing
from licenses.services.generating import Order

MEGABYTE = 1024 * 1024
LIST_BYTES = 8 * MEGABYTE
IMPORT_BYTES = 32 * MEGABYTE
_NO_NAME = re.compile(r"[a-z0-9][a-z0-9-]*|C-[A-Z2-7]{16}|[^\s@]+@[^\s@]+")
_LINES = re.compile(r"[\r\n;\t]+")


class TableFile(forms.FileField):
    """A CSV file that is not too large; what is in it is for the services to read."""

    def __init__(self, *, most: int, **kwargs: Any) -> None:
        self.most = most
        # The browser's own, which the keyboard reaches: Unfold's hides it.
        widget = forms.FileInput(attrs={"accept": ".csv,.txt,text/csv,text/plain", "class": "sg-file"})
        says = {"empty": "This file is empty.", "required": "Choose a file."}
        super().__init__(**{"widget": widget, "allow_empty_file": False, "error_messages": says, **kwargs})

    def clean(self, data: Any, initial: Any = None) -> Any:
        file = super().clean(data, initial)
        if file and file.size > self.most:
            raise forms.ValidationError(
                f"Larger than {self.most // MEGABYTE} MiB. Split the file.", code="too_large"
            )
        return file


class BulkForm(PlanTermsForm):
    """Licenses for a list of accounts: what every row gets, unless its row says otherwise (D6)."""

    ALIASES = {**PlanTermsForm.ALIASES, "plan_archived": "plan"}
    SECTIONS = (
        ("For whom", ("accounts", "file")),
        ("What", ("product", "plan", "kind", "edition", "internal")),
        ("How long", ("starts_at", "days", "expires_at", "perpetual")),
        ("How much", ("quantity", "seats", "nodes", "machines", "collectors")),
        ("What it unlocks", ("modules", "entitlements")),
        ("The keys", ("format", "persist", "comment")),
    )
    WIDE = ("accounts", "file", "modules", "entitlements", "comment")

    accounts = forms.CharField(
        label="Accounts", required=False, max_length=900_000, strip=False,
        help_text="One a line: slug, customer id or e-mail. Or a table with a header line.",
        widget=UnfoldAdminTextareaWidget(
            attrs={"rows": 6, "spellcheck": "false", "placeholder": "acme\nC-4BQ2XK7TNE5LW3RA\nops@globex.example"}
        ),
    )  # fmt: skip
    file = TableFile(most=LIST_BYTES, label="Or a CSV file", required=False)
    product = ProductField()
    plan = PlanField(label="Plan", required=False, help_text="Not needed where each row names its plan.")
    kind = select("Kind", [("", "As the plan says"), *choices(Kind)], required=False)
    internal = switch("For internal use", "Out of every revenue and conversion figure.")
    starts_at = InstantField(label="Start (UTC)", help_text="Empty: when its key is made.")
    expires_at = InstantField(label="End (UTC)", help_text="The end itself is outside.")
    format = format_field()
    persist = persist_field()
    fingerprint = None  # type: ignore[assignment] # so Django takes a field away: each machine is another

    def __init__(self, *args: Any, kinds: set[Kind], may_see_key: bool, **kwargs: Any) -> None:
        plans = list(open_plans())
        products = list({plan.product_id: plan.product for plan in plans}.values())
        super().__init__(*args, products=products, **kwargs)
        self.plans, self.kinds = plans, kinds
        field: Any = self.fields["product"]
        field.offer(products)
        if kinds != set(Kind):
            offered = [(value, label) for value, label in choices(Kind) if Kind(value) in kinds]
            self.fields["kind"].widget.choices = offered
        place_persist(self, may_see_key=may_see_key)
        if "persist" in self.fields:
            self.fields["persist"].label = "Keep the keys"
            self.fields[
                "persist"
            ].help_text = "Off: only their hashes are kept, and nobody ever sees these keys."

    def clean(self) -> dict[str, Any]:
        data = {**super().clean(), "fingerprint": ""}
        given = [name for name in ("accounts", "file") if data.get(name) and str(data[name]).strip()]
        if not given and not {"accounts", "file"} & set(self.errors):
            self.add_error("accounts", "Say for which accounts, here or in a file.")
        elif len(given) > 1:
            self.add_error("file", "Give a list or a file, not both.")
        product, plan = data.get("product"), data.get("plan")
        if product and plan and plan.product_id != product.pk:
            self.add_error("plan", f"{plan.name} is a plan of {plan.product.name}, not of {product.name}.")
        ends = [name for name in ("days", "expires_at", "perpetual") if data.get(name)]
        if len(ends) > 1:
            self.add_error(ends[1], "Give only one of days, end and perpetual.")
        return data

    def refuse(self, refusal: Refusal) -> None:
        """What is wrong with the table stands at where it came from."""
        source = "file" if self.cleaned_data.get("file") else "accounts"
        for error in refusal.members.get("errors") or [{"detail": refusal.detail}]:
            self.add_error(source, error["detail"])

    def lines(self) -> Iterator[Line]:
        """The rows of the list. Raises BadTable."""
        file = self.cleaned_data.get("file")
        text = decoded(file.read()) if file else self.cleaned_data["accounts"]
        return table_lines(text, generating.COLUMNS, generating.BOUNDS) if _is_table(text) else _listed(text)

    def order(self) -> Order:
        """What every row gets."""
        data = self.cleaned_data
        return Order(
            plan=data["plan"], kind=Kind(data["kind"]) if data["kind"] else None, internal=data["internal"],
            terms=self.terms(), format=format_of(data), persist=data.get("persist"), kinds=frozenset(self.kinds),
        )  # fmt: skip

    def terms(self) -> dict[str, Any]:
        data = self.cleaned_data
        terms = {name: data[name] for name in ("starts_at", "expires_at") if data[name] is not None}
        return {**super().terms(), **terms}

    def file_name(self) -> str:
        file = self.cleaned_data.get("file")
        return str(file.name) if file else ""


def _is_table(text: str) -> bool:
    return has_header(text, generating.COLUMNS)


def _listed(text: str) -> Iterator[Line]:
    """A list without a header: one account a line; commas part what cannot be a name."""
    names = [name for line in _LINES.split(text) for name in _parted(line) if name]
    if len(names) > generating.BOUNDS.rows:
        raise generating.too_many()
    return (Line(number, {"account": name}) for number, name in enumerate(names, start=1))


def _parted(line: str) -> list[str]:
    parts = [part.strip() for part in line.split(",")]
    return parts if all(_NO_NAME.fullmatch(part) for part in parts if part) else [line.strip()]


class ImportForm(ServiceForm):
    """Licenses of the older tool (D1)."""

    file = TableFile(most=IMPORT_BYTES, label="CSV file")
    create_accounts = switch(
        "Open accounts that do not exist",
        "Where a row has an account_name that nobody has, with its account_kind.",
    )

    def __init__(self, *args: Any, may_open: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not may_open:
            del self.fields["create_accounts"]

    def lines(self) -> Iterator[Line]:
        """The rows of the file. Raises BadTable."""
        return table_lines(decoded(self.cleaned_data["file"].read()), importing.COLUMNS, importing.BOUNDS)

    def refuse(self, refusal: Refusal) -> None:
        for error in refusal.members.get("errors") or [{"detail": refusal.detail}]:
            self.add_error("file", error["detail"])
