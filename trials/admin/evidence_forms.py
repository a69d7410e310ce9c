"""Forms of evidence, made from what a stage declares: a reference is a line, a word a choice, an instant a time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from django import forms

from config.kit.forms import ServiceForm, note, select, switch, text
from licenses.admin.forms import InstantField
from trials.domain.evidence.gates import Field, FieldKind, Stage
from trials.domain.evidence.words import (
    AccessCheck,
    CheckResult,
    DeliveryState,
    HandoffKind,
    NotificationChannel,
    TrackingKind,
)
from trials.evidence_facts import values_of
from trials.models import EvidencePackage, Handoff

LONGEST = 200
"""More than a reference may have: the rule of references answers, at the field."""
MADE = " With the CRM a task is made for you where this is empty."
NO_WORD = ("", "Not decided")


def words(names: Iterable[StrEnum]) -> list[tuple[str, Any]]:
    """Words of a closed list as people read them."""
    return [(name.value, name.value.replace("_", " ").capitalize().replace("Crm", "CRM")) for name in names]


def member(field: Field) -> forms.Field:
    """The form field of one member of a stage."""
    if field.kind is FieldKind.INSTANT:
        return InstantField(label=field.label, required=False, help_text=field.hint or "In UTC.")
    if field.words is not None:
        return select(field.label, [NO_WORD, *words(field.words)], required=False, help_text=field.hint)
    return text(field.label, max_length=LONGEST, help_text=field.hint)


class MembersForm(ServiceForm):
    """All members of a stage. Only what was changed goes to the service."""

    def __init__(self, data: Any, *, stage: Stage, package: EvidencePackage | None = None) -> None:
        kept = values_of(stage.name, package.values) if package is not None else {}
        super().__init__(data, initial={name: _shown(value) for name, value in kept.items()})
        for field in stage.fields:
            self.fields[field.name] = member(field)

    def clean(self) -> dict[str, Any]:
        """The members whose field holds something else than it was shown with, as the service takes them."""
        super().clean()
        return {
            name: value or ""
            for name, value in self.cleaned_data.items()
            if (value or "") != (_on_page(self.initial.get(name)) or "")
        }


def _on_page(value: Any) -> Any:
    """A field shows an instant to the minute."""
    return value.replace(second=0, microsecond=0) if isinstance(value, datetime) else value


def _shown(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) else value


class DecideForm(ServiceForm):
    """A decision on the version that the page showed: its digest goes along."""

    WIDE = ("comment",)

    digest = forms.CharField(widget=forms.HiddenInput(), max_length=64)
    decision = select("Decision", [("", "Choose"), ("approve", "Approve"), ("reject", "Reject")])
    comment = note(
        "Comment", max_length=500,
        help_text="Words without names, addresses and secrets. Kept with the decision, never exported.",
    )  # fmt: skip

    def sections(self) -> Any:
        """The digest stands in the text above; its field is not to look at."""
        yield "", [(self[name], name in self.WIDE) for name in ("decision", "comment", "digest")]


class HandoffForm(ServiceForm):
    kind = select("Handed to", words(HandoffKind))
    owner_ref = text("Who takes it", max_length=LONGEST, help_text="An opaque id, as user:7.")
    next_action_ref = text("Next action", max_length=LONGEST, help_text="What happens next, as task:42.")
    tracking_kind = select("Followed in", words(TrackingKind))
    tracking_ref = text("Tracking", max_length=LONGEST, help_text="Where it is followed." + MADE)


def handoff_initial(handoff: Handoff) -> dict[str, str]:
    return {name: getattr(handoff, name) for name in HandoffForm.base_fields}


class DropForm(ServiceForm):
    kind = select("Handoff to", [])

    def __init__(self, data: Any, *, package: EvidencePackage) -> None:
        super().__init__(data)
        field: Any = self.fields["kind"]
        field.choices = words(HandoffKind(kind) for kind in package.handoffs.values_list("kind", flat=True))


class NotifyForm(ServiceForm):
    channel = select("Channel", words(NotificationChannel))
    tracking_ref = text(
        "Tracking", max_length=LONGEST, help_text="Where it is followed. E-mail follows itself." + MADE
    )
    delivery_owner_ref = text("Owner of the delivery", max_length=LONGEST, help_text="Empty: you.")


class DeliveryForm(ServiceForm):
    state = select("How far it came", words(DeliveryState))


class AttestForm(ServiceForm):
    check = select(
        "Door", words(check for check in AccessCheck if check is not AccessCheck.LICENSE_VALIDATION)
    )
    result = select("It is", words(CheckResult))
    reference = text("Proof", max_length=LONGEST, required=True, help_text="Where this was found, as T-2042.")


class GraceForm(ServiceForm):
    until = InstantField(label="Until", help_text="In UTC.", required=True)
    renew = switch("Renew the license", "Give the license that end, too, and mail its new key.")


class OpenForm(ServiceForm):
    stage = select("Stage", [])

    def __init__(self, data: Any, *, stages: list[Stage]) -> None:
        super().__init__(data)
        field: Any = self.fields["stage"]
        field.choices = [(stage.name.value, stage.title) for stage in stages]
