"""Shapes of outbound webhooks. A secret stands in two answers only: of creating and of rotating."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from config.kit.api.serializers import Input
from config.kit.targets import LONGEST
from licenses.api.fields import Flag, Instant, Text
from notifications.models import Delivery, DeliveryAttempt, WebhookEndpoint

MOST_NAMES = 100
LONGEST_KIND = 48
LONGEST_KEY = 63


def _names(longest: int, help_text: str) -> serializers.ListField:
    return serializers.ListField(
        child=Text(max_length=longest), max_length=MOST_NAMES, required=False, help_text=help_text
    )


class WebhookFields(Input):
    kinds = _names(LONGEST_KIND, "Kinds of event, as in the history; empty: every one.")
    products = _names(LONGEST_KEY, "Product keys; empty: every one. Events about no product pass no filter.")


class WebhookCreateInput(WebhookFields):
    name = Text(max_length=100)
    url = Text(max_length=LONGEST, help_text="HTTPS, any port, without user name and fragment.")


class WebhookUpdateInput(WebhookFields):
    name = Text(max_length=100, required=False)
    url = Text(max_length=LONGEST, required=False)
    enabled = Flag(
        required=False, help_text="Off: what waits is cancelled. On: earlier failures are forgiven."
    )


class ReplayInput(Input):
    since = Instant(
        required=False,
        help_text="Also what was cancelled or missed from this instant on; left out: what is dead.",
    )
    delivered = Flag(required=False, default=False, help_text="With `since`: what arrived as well.")


class WebhookOutput(serializers.ModelSerializer[WebhookEndpoint]):
    id = serializers.UUIDField(source="uid", read_only=True)
    kinds = serializers.ListField(child=serializers.CharField(), read_only=True)
    products = serializers.ListField(child=serializers.CharField(), read_only=True)
    failing_since = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="Since when every request has failed."
    )
    previous_secret_until = serializers.DateTimeField(
        source="previous_until",
        read_only=True,
        allow_null=True,
        help_text="Until then the secret before the last rotation signs as well.",
    )

    class Meta:
        model = WebhookEndpoint
        fields = [
            "id", "name", "url", "kinds", "products", "enabled", "disabled_reason", "failing_since",
            "previous_secret_until", "created_by", "created_at",
        ]  # fmt: skip
        read_only_fields = fields


class WebhookWithSecret(WebhookOutput):
    secret = serializers.CharField(read_only=True, help_text="`whsec_…`, shown this once.")

    class Meta(WebhookOutput.Meta):
        fields = [*WebhookOutput.Meta.fields, "secret"]
        read_only_fields = fields


class DeliveryOutput(serializers.ModelSerializer[Delivery]):
    id = serializers.UUIDField(source="uid", read_only=True, help_text="The `webhook-id` of every attempt.")
    event = serializers.UUIDField(
        source="event.uid", read_only=True, allow_null=True, default=None, help_text="null: a test event."
    )
    due_at = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="When the next attempt is due."
    )

    class Meta:
        model = Delivery
        fields = [
            "id", "event", "kind", "state", "attempts", "due_at", "last_status", "last_error", "created_at",
            "settled_at",
        ]  # fmt: skip
        read_only_fields = fields


class AttemptOutput(serializers.ModelSerializer[DeliveryAttempt]):
    class Meta:
        model = DeliveryAttempt
        fields = ["number", "at", "status", "error", "answer", "duration_ms"]
        read_only_fields = fields


class DeliveryDetail(DeliveryOutput):
    body = serializers.CharField(read_only=True, help_text="The exact text that is signed and sent.")
    log = serializers.SerializerMethodField(help_text="Every request that was made, oldest first.")

    class Meta(DeliveryOutput.Meta):
        fields = [*DeliveryOutput.Meta.fields, "body", "log"]
        read_only_fields = fields

    def get_log(self, row: Delivery) -> list[dict[str, Any]]:
        return [dict(item) for item in AttemptOutput(self.context["log"], many=True).data]


class TestOutput(AttemptOutput):
    __test__ = False  # to pytest: not a test

    delivered = serializers.BooleanField(
        source="accepted", read_only=True, help_text="Whether the receiver answered with a status of success."
    )
    delivery = serializers.UUIDField(source="delivery.uid", read_only=True)

    class Meta(AttemptOutput.Meta):
        fields = ["delivered", "delivery", "status", "error", "answer", "duration_ms"]
        read_only_fields = fields


class ReplayedOutput(serializers.Serializer[Any]):
    count = serializers.IntegerField(min_value=0, help_text="How many deliveries are on their way again.")
