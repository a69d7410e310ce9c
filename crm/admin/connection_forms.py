"""Forms of connections to an outside CRM."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.forms import BoundField
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminPasswordWidget

from config.kit.forms import ServiceForm, count, select, switch, text
from crm.domain.sync.fields import IDENTITY, ObjectKind, Rule, fields_of
from crm.domain.sync.kinds import TRAITS
from crm.models import Connection
from crm.services.sync_access import TARGETS, mapping_of, remote_of

SENDS: list[tuple[str, Any]] = [("company", "Companies"), ("person", "People"), ("task", "Tasks")]
RULES: list[tuple[str, Any]] = [
    (Rule.ALWAYS, "ours wins"),
    (Rule.IF_EMPTY, "only where nothing stands"),
    (Rule.NEVER, "never"),
]


def _secret(label: str, help_text: str, *, required: bool) -> forms.CharField:
    """Typed in, never shown again: the page of a refused form has it empty."""
    widget = UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}, render_value=False)
    return forms.CharField(
        label=label, required=required, max_length=1000, help_text=help_text, widget=widget
    )


class ConnectForm(ServiceForm):
    kind = select("CRM", [(kind.value, traits.label) for kind, traits in TRAITS.items()])
    name = text("Name", max_length=100, required=True, help_text="How staff know it.")
    base_url = text(
        "Address", max_length=300, help_text="Empty: the CRM's own. Your own where you run Twenty yourselves."
    )
    token = _secret(
        "Credential", " ".join(f"{t.label}: {t.credential}" for t in TRAITS.values()), required=True
    )
    secret = _secret(
        "Webhook secret",
        " ".join(f"{t.label}: {t.signs_with}" for t in TRAITS.values())
        + " Without it nothing comes back from there.",
        required=False,
    )
    WIDE = ("base_url", "token", "secret")


class CredentialsForm(ServiceForm):
    token = _secret("Credential", "Empty: it stays as it is.", required=False)
    secret = _secret("Webhook secret", "Empty: it stays as it is.", required=False)
    forget = switch(
        "Forget all links if it is another workspace",
        "Everybody is looked up there anew; who was deleted at the old one is forgotten, too.",
    )


class ConnectionForm(ServiceForm):
    name = text("Name", max_length=100, required=True)
    base_url = text("Address", max_length=300, required=True)
    token = _secret("Credential", "Empty: it stays as it is. Another address needs its own.", required=False)
    sends = forms.MultipleChoiceField(
        label="What is sent", choices=SENDS, required=False, widget=UnfoldAdminCheckboxSelectMultipleWidget()
    )
    budget_requests = count("Requests …", lowest=2)
    budget_seconds = count("… in so many seconds", lowest=1)
    SECTIONS = (
        ("", ("name", "base_url", "token", "sends")),
        ("At most, all workers together", ("budget_requests", "budget_seconds")),
    )
    WIDE = ("base_url", "token", "sends")

    def __init__(self, *args: Any, row: Connection, **kwargs: Any) -> None:
        names = ("name", "base_url", "sends", "budget_requests", "budget_seconds")
        kwargs["initial"] = {name: getattr(row, name) for name in names}
        super().__init__(*args, **kwargs)

    def changes(self) -> dict[str, Any]:
        data = self.cleaned_data
        return {name: value for name, value in data.items() if value is not None and name != "token"}


class MappingForm(ServiceForm):
    """Two choices for each of our fields of one kind: where it goes, and who wins."""

    def __init__(self, *args: Any, row: Connection, kind: ObjectKind, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind = kind
        there = [
            (field.name, field.name if field.label == field.name else f"{field.label} ({field.name})")
            for field in remote_of(row, kind)
            if not field.name.startswith(f"{TARGETS}.")
        ]
        mapped = mapping_of(row)[kind]
        for field in fields_of(kind):
            target = mapped.get(field.name)
            is_identity = field.name == IDENTITY.get(kind)
            options = there if is_identity else [("", "nowhere"), *there]
            self.fields[field.name] = select(field.label, list(options), required=is_identity)
            self.fields[field.name].initial = target.to if target else ""
            self.fields[f"{field.name}_rule"] = select("Who wins", RULES)
            self.fields[f"{field.name}_rule"].widget.attrs["aria-label"] = f"Who wins in {field.label}"
            self.fields[f"{field.name}_rule"].initial = target.rule if target else field.rule

    def rows(self) -> Iterator[tuple[BoundField, BoundField]]:
        """Of each of our fields the two choices, as the page shows them beside each other."""
        for field in fields_of(self.kind):
            yield self[field.name], self[f"{field.name}_rule"]

    def chosen(self) -> dict[str, tuple[str, str]]:
        data = self.cleaned_data
        return {field.name: (data[field.name], data[f"{field.name}_rule"]) for field in fields_of(self.kind)}
