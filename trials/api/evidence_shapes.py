"""What is taken and answered about evidence. References, words and instants only (B1)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.kit.api.serializers import Input
from licenses.api.fields import Flag, Instant, Sha256, Text
from licenses.models.catalogue import choices
from trials.domain.evidence.gates import Blocker
from trials.domain.evidence.words import (
    AccessCheck,
    CheckResult,
    DeliveryState,
    NotificationChannel,
    StageName,
    State,
    TrackingKind,
)
from trials.evidence_path import Step
from trials.models import BlockedAccessCheck, EvidencePackage, GraceApproval, Handoff, Trial

LONGEST = 200
"""More than a reference may have: the rule of references answers with its own code."""
MOST_MEMBERS = 60
MADE = "Of a `crm_task` it may be empty where the CRM is shown: a task is made, and its `task:<uid>` stands here."


def reference(**more: Any) -> Text:
    return Text(max_length=LONGEST, required=False, allow_blank=True, default="", **more)


class MembersInput(Input):
    """Members of a package by name: references, words of their lists, RFC 3339 instants."""

    values = serializers.DictField(
        child=Text(max_length=LONGEST, allow_blank=True, allow_null=True),
        required=False,
        help_text="By name; an empty text or null clears a member. The stages and their members: docs/evidence.md.",
    )

    def validate_values(self, values: dict[str, Any]) -> dict[str, Any]:
        if len(values) > MOST_MEMBERS:
            raise serializers.ValidationError("No stage has so many members.", code="too_many")
        return values


class DecisionInput(Input):
    digest = Sha256(help_text="Of the version that was read; another one is refused (B8).")
    approved = Flag()
    comment = Text(
        max_length=500, required=False, allow_blank=True, default="",
        help_text="Words without names, addresses and secrets; never exported.",
    )  # fmt: skip


class HandoffInput(Input):
    owner_ref = reference()
    next_action_ref = reference()
    tracking_kind = serializers.ChoiceField(
        choices=choices(TrackingKind), required=False, default=TrackingKind.EXTERNAL.value
    )
    tracking_ref = reference(help_text=MADE)


class NotifyInput(Input):
    channel = serializers.ChoiceField(choices=choices(NotificationChannel))
    tracking_ref = reference(help_text=f"Demanded by every channel but email. {MADE}")
    delivery_owner_ref = reference(help_text="Default: the caller.")


class DeliveryInput(Input):
    state = serializers.ChoiceField(choices=choices(DeliveryState))


class AttestInput(Input):
    check = serializers.ChoiceField(
        choices=choices(AccessCheck), help_text="`license_validation` is run by Signet, never attested."
    )
    result = serializers.ChoiceField(choices=choices(CheckResult))
    reference = Text(max_length=LONGEST, help_text="Where this was found.")


class GraceInput(Input):
    until = Instant()
    renew = Flag(required=False, default=False, help_text="Give the license that end, too.")


class BlockerOutput(serializers.Serializer[Any]):
    code = serializers.CharField()
    says = serializers.CharField()
    clears = serializers.CharField(help_text="What would clear it.")
    where = serializers.ChoiceField(
        choices=[
            "package",
            "predecessor",
            "approval",
            "conversion",
            "handoffs",
            "notification",
            "grace",
            "checks",
        ]
    )
    href = serializers.CharField(help_text="Where it is cleared.")


class DecisionOutput(serializers.Serializer[Any]):
    approved = serializers.BooleanField()
    by = serializers.ChoiceField(choices=["person", "policy"])
    approver = serializers.CharField()
    comment = serializers.CharField()
    digest = serializers.CharField()
    decided_at = serializers.DateTimeField()


class HandoffOutput(serializers.ModelSerializer[Handoff]):
    class Meta:
        model = Handoff
        fields = ("kind", "owner_ref", "next_action_ref", "tracking_kind", "tracking_ref", "created_at")
        read_only_fields = fields


class NotificationOutput(serializers.Serializer[Any]):
    notification = serializers.UUIDField(source="uid")
    channel = serializers.ChoiceField(choices=choices(NotificationChannel))
    state = serializers.ChoiceField(choices=choices(DeliveryState))
    tracking_ref = serializers.CharField()
    requested_by = serializers.CharField()
    requested_at = serializers.DateTimeField()
    state_at = serializers.DateTimeField()


class CheckOutput(serializers.ModelSerializer[BlockedAccessCheck]):
    check = serializers.CharField(source="check_name")

    class Meta:
        model = BlockedAccessCheck
        fields = ("check", "result", "reason", "by", "reference", "actor", "checked_at")
        read_only_fields = fields


class GraceOutput(serializers.ModelSerializer[GraceApproval]):
    grace = serializers.UUIDField(source="uid")

    class Meta:
        model = GraceApproval
        fields = ("grace", "until", "approver", "approved_at")
        read_only_fields = fields


class StepOutput(serializers.Serializer[Step]):
    """One stage with its newest package."""

    package = serializers.UUIDField(source="row.uid")
    stage = serializers.ChoiceField(choices=choices(StageName), source="row.stage")
    title = serializers.CharField(source="stage.title")
    version = serializers.IntegerField(source="row.version")
    digest = serializers.CharField(source="row.digest")
    predecessor_digest = serializers.CharField(source="row.predecessor_digest")
    state = serializers.ChoiceField(choices=choices(State), source="evaluation.state")
    approved = serializers.BooleanField()
    blockers = serializers.SerializerMethodField()
    values = serializers.DictField(child=serializers.CharField(), source="row.values")
    author = serializers.CharField(source="row.author")
    changed_at = serializers.DateTimeField(source="row.changed_at")
    decisions = DecisionOutput(many=True)
    handoffs = HandoffOutput(many=True)
    notifications = NotificationOutput(many=True)

    @extend_schema_field(BlockerOutput(many=True))
    def get_blockers(self, step: Step) -> list[dict[str, str]]:
        return [told(step, blocker) for blocker in step.evaluation.blockers]  # type: ignore[union-attr] # has a row


def told(step: Step, blocker: Blocker) -> dict[str, str]:
    """A blocker with the path where it is cleared."""
    row = step.row
    base = f"/api/v1/trials/{row.trial.uid}/evidence"  # type: ignore[union-attr] # shown only with its row
    before = step.before or step.stage.name
    paths = {
        "package": f"{base}/{step.stage.name}",
        "predecessor": f"{base}/{before}",
        "approval": f"{base}/{before}/decide",
        "conversion": f"{base}/{StageName.CONVERSION}",
        "handoffs": f"{base}/follow_up/handoffs",
        "grace": f"{base}/graces",
        "notification": f"{base}/follow_up/notify",
        "checks": f"{base}/checks",
    }
    return {
        "code": blocker.code, "says": blocker.says, "clears": blocker.clears, "where": blocker.where,
        "href": paths[blocker.where],
    }  # fmt: skip


class ChainOutput(serializers.Serializer[Any]):
    """All of a trial's evidence."""

    trial = serializers.UUIDField()
    packages = StepOutput(many=True)
    openable = serializers.ListField(
        child=serializers.ChoiceField(choices=choices(StageName)), help_text="Stages that may begin now."
    )
    graces = GraceOutput(many=True)
    access_checks = CheckOutput(many=True)


class PackageOutput(serializers.ModelSerializer[EvidencePackage]):
    """A package in a list, as its gates were last judged."""

    package = serializers.UUIDField(source="uid")
    trial = serializers.UUIDField(source="trial.uid")
    group = serializers.CharField(source="trial.account.slug")
    blockers = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = EvidencePackage
        fields = (
            "package", "trial", "group", "stage", "version", "digest", "state", "blockers", "author", "created_at",
            "changed_at",
        )  # fmt: skip
        read_only_fields = fields


class SilentOutput(serializers.ModelSerializer[Trial]):
    """A trial that ended, and whose follow-up is missing or late (B17)."""

    trial = serializers.UUIDField(source="uid")
    group = serializers.CharField(source="account.slug")
    program = serializers.CharField(source="program.slug")

    class Meta:
        model = Trial
        fields = ("trial", "group", "program", "ends_at", "ended_at", "outcome")
        read_only_fields = fields
