"""What is taken and answered about trials."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from config.kit.api.serializers import Input
from licenses.api.fields import Text
from trials.models import Trial, TrialRequest


class TouchInput(Input):
    source = Text(max_length=200, required=False, allow_blank=True)  # type: ignore[assignment] # Field has a `source` of its own
    medium = Text(max_length=200, required=False, allow_blank=True)
    campaign = Text(max_length=200, required=False, allow_blank=True)
    at = serializers.DateTimeField(required=False, allow_null=True)


class TrialRequestInput(Input):
    email = Text(max_length=254)
    product_key = Text(max_length=63, required=False, help_text="Or `program`.")
    program = Text(max_length=63, required=False)
    name = Text(max_length=150, required=False, allow_blank=True)
    company = Text(max_length=200, required=False, allow_blank=True)
    group = Text(max_length=63, required=False, help_text="With a credential only: the account it is for.")
    answers = serializers.DictField(required=False, help_text="To the program's questions, by name.")
    terms_version = Text(max_length=40, required=False, allow_blank=True)
    first_touch = TouchInput(
        required=False, help_text="Source, medium and campaign of the first visit (A23)."
    )
    last_touch = TouchInput(required=False)
    website = Text(max_length=500, required=False, allow_blank=True, help_text="Leave empty: people do.")
    captcha = Text(max_length=4000, required=False, allow_blank=True)


class OperatorTrialInput(Input):
    """The License Operator's own body (E21)."""

    email = Text(max_length=254)
    domain = Text(max_length=253, required=False, allow_blank=True)
    productKey = Text(max_length=63)  # noqa: N815 - the License Operator's name
    termsVersion = Text(max_length=40, required=False, allow_blank=True)  # noqa: N815 - named as its others
    answers = serializers.DictField(required=False, help_text="To the program's questions, by name.")


class ConfirmInput(Input):
    code = Text(max_length=20)


class RequestedOutput(serializers.ModelSerializer[TrialRequest]):
    request = serializers.UUIDField(source="uid")
    program = serializers.CharField(source="program.slug")
    trial = serializers.UUIDField(source="trial.uid", allow_null=True, default=None)
    license_id = serializers.CharField(source="trial.license.public_id", allow_null=True, default=None)
    ends_at = serializers.DateTimeField(source="trial.ends_at", allow_null=True, default=None)
    again = serializers.BooleanField(help_text="The trial ran already; its license was mailed again.")

    class Meta:
        model = TrialRequest
        fields = ("request", "program", "state", "trial", "license_id", "ends_at", "again")
        read_only_fields = fields


class ReceivedOutput(serializers.Serializer[Any]):
    """What a stranger is told: never a license, never whether somebody is known."""

    request = serializers.UUIDField()
    state = serializers.ChoiceField(
        choices=[("code", "enter the mailed code"), ("mail", "look into your mail")]
    )
    message = serializers.CharField()


class TrialOutput(serializers.ModelSerializer[Trial]):
    trial = serializers.UUIDField(source="uid")
    program = serializers.CharField(source="program.slug")
    group = serializers.CharField(source="account.slug")
    license_id = serializers.CharField(source="license.public_id")

    class Meta:
        model = Trial
        fields = (
            "trial", "program", "group", "license_id", "engagement", "started_at", "ends_at", "ended_at", "outcome",
            "extensions", "first_beat_at", "ready_at", "first_touch", "last_touch",
        )  # fmt: skip
        read_only_fields = fields
