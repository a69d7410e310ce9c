"""What is taken and answered about people and tasks."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.kit.api.serializers import Input
from crm.domain.words import Consent, Origin, TaskStatus
from crm.models import Person, Task
from licenses.api.fields import Text
from licenses.models.catalogue import choices

MOST_TOUCHES = 50
TASK_STATUSES, PERSON_ORIGINS = choices(TaskStatus), choices(Origin)
"""For drf-spectacular's ENUM_NAME_OVERRIDES."""


@extend_schema_field({"type": "string", "format": "date", "pattern": r"^\d{4}-\d{2}-\d{2}$"})
class Day(serializers.DateField):
    """A day, as RFC 3339 writes it."""


@extend_schema_field({"type": "string", "format": "uuid", "maxLength": 36})
class Uid(serializers.UUIDField):
    """The id of a person."""


class TouchOutput(serializers.Serializer[Any]):
    source = serializers.CharField()  # type: ignore[assignment] # Field has a `source` of its own
    medium = serializers.CharField()
    campaign = serializers.CharField()
    at = serializers.DateTimeField()


class PersonOutput(serializers.ModelSerializer[Person]):
    person = serializers.UUIDField(source="uid")
    account = serializers.CharField(source="account.slug", allow_null=True, default=None)
    owner = serializers.CharField(source="owner.email", allow_null=True, default=None)
    first_touch = serializers.SerializerMethodField()
    last_touch = serializers.SerializerMethodField()

    class Meta:
        model = Person
        fields = (
            "person", "name", "email", "company", "job_title", "phone", "account", "owner", "consent",
            "consent_at", "origin", "first_touch", "last_touch", "engagement", "last_seen_at", "version",
            "operating_system", "nodes", "cap_state", "created_at", "changed_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_first_touch(self, row: Person) -> dict[str, Any] | None:
        return _touch(row, "first")

    def get_last_touch(self, row: Person) -> dict[str, Any] | None:
        return _touch(row, "last")


class PersonWhole(PersonOutput):
    """One person, with every entry from a campaign: the newest fifty."""

    touches = serializers.SerializerMethodField()

    class Meta(PersonOutput.Meta):
        fields = (*PersonOutput.Meta.fields, "touches")  # type: ignore[assignment] # one more
        read_only_fields = fields  # type: ignore[assignment] # as above

    @extend_schema_field(TouchOutput(many=True))
    def get_touches(self, row: Person) -> list[dict[str, Any]]:
        found = row.touchpoints.order_by("-at", "-pk")[:MOST_TOUCHES]
        return [dict(each) for each in TouchOutput(found, many=True).data]


def _touch(row: Person, which: str) -> dict[str, Any] | None:
    at = getattr(row, f"{which}_touch_at")
    if at is None:
        return None
    parts = {name: getattr(row, f"{which}_{name}") for name in ("source", "medium", "campaign")}
    return dict(TouchOutput({**parts, "at": at}).data)


class PersonUpdateInput(Input):
    name = Text(max_length=150, required=False, allow_blank=True)
    email = Text(
        max_length=254, required=False, help_text="Where to write to; former addresses still find the person."
    )
    company = Text(max_length=200, required=False, allow_blank=True)
    job_title = Text(max_length=120, required=False, allow_blank=True)
    phone = Text(max_length=40, required=False, allow_blank=True)
    account = Text(max_length=63, required=False, allow_null=True, help_text="Slug or customer id.")
    owner = Text(max_length=254, required=False, allow_null=True, help_text="E-mail of a member of staff.")
    consent = serializers.ChoiceField(choices=choices(Consent), required=False)


class TaskOutput(serializers.ModelSerializer[Task]):
    task = serializers.UUIDField(source="uid")
    owner = serializers.CharField(source="owner.email", allow_null=True, default=None)
    account = serializers.CharField(source="account.slug", allow_null=True, default=None)
    person = serializers.UUIDField(source="person.uid", allow_null=True, default=None)

    class Meta:
        model = Task
        fields = (
            "task", "kind", "title", "text", "next_action", "status", "owner", "due_on", "snoozed_until",
            "account", "person", "subject_type", "subject_id", "created_by", "created_at", "changed_at",
            "ended_by", "ended_at",
        )  # fmt: skip
        read_only_fields = fields


class TaskFields(Input):
    text = Text(max_length=10_000, required=False, allow_blank=True)
    next_action = Text(max_length=200, required=False, allow_blank=True)
    owner = Text(max_length=254, required=False, allow_null=True, help_text="E-mail of a member of staff.")
    due_on = Day(required=False, allow_null=True)
    account = Text(max_length=63, required=False, allow_null=True, help_text="Slug or customer id.")
    person = Uid(required=False, allow_null=True)


class TaskCreateInput(TaskFields):
    title = Text(max_length=200)
    subject_type = serializers.RegexField(
        r"^[a-z_]+$",
        max_length=40,
        required=False,
        help_text="What it is about, as history names it: license.",
    )
    subject_id = Text(max_length=64, required=False, help_text="Its id: L-….")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("subject_type" in attrs) != ("subject_id" in attrs):
            raise serializers.ValidationError(
                {"subject_id": "Give both subject_type and subject_id, or neither."}
            )
        return attrs


class TaskUpdateInput(TaskFields):
    title = Text(max_length=200, required=False)
    status = serializers.ChoiceField(
        choices=choices(TaskStatus), required=False, help_text="The column of the board."
    )


class SnoozeInput(Input):
    until = Day(help_text="A day to come, on which the task is back.")
