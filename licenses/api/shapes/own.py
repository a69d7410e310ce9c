"""Shapes of our own license. Its key goes in and never comes out."""

from __future__ import annotations

from rest_framework import serializers

from config.kit.api.serializers import Input
from licenses.api.fields import Text
from licenses.domain.formats import MAX_TEXT
from licenses.domain.own_license import Answer, GuardState, Tier
from licenses.models.catalogue import choices


class OwnKeyInput(Input):
    key = Text(
        max_length=MAX_TEXT, trim_whitespace=False, write_only=True, help_text="The text of the license."
    )


class GuardOutput(serializers.Serializer[object]):
    state = serializers.ChoiceField(choices=[(one.value, one.value) for one in GuardState])
    reason = serializers.CharField(allow_null=True)
    detail = serializers.CharField()
    since = serializers.DateTimeField(allow_null=True)
    grace_until = serializers.DateTimeField(allow_null=True)
    grace_days = serializers.IntegerField()
    expected_domain = serializers.CharField()
    refresh_minutes = serializers.IntegerField()


class OwnStatusOutput(serializers.Serializer[object]):
    """`caps` null is no limit; `next_tier` and `upgrade_url` are null on the top tier (C18)."""

    tier = serializers.ChoiceField(choices=[(one.value, one.value) for one in Tier])
    display_name = serializers.CharField()
    entitlements = serializers.DictField(
        help_text="What is granted now: the license's row within the signed set."
    )
    signed_entitlements = serializers.ListField(child=serializers.CharField())
    usage = serializers.DictField(child=serializers.IntegerField())
    caps = serializers.DictField(child=serializers.IntegerField(allow_null=True))
    grandfathered = serializers.ListField(child=serializers.CharField())
    seat_limit = serializers.IntegerField(allow_null=True)
    next_tier = serializers.CharField(allow_null=True)
    upgrade_url = serializers.CharField(allow_null=True)
    sandbox = serializers.BooleanField()
    guard = GuardOutput()
    license = serializers.CharField(allow_null=True)
    plan = serializers.CharField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    activated_at = serializers.DateTimeField(allow_null=True)
    refreshed_at = serializers.DateTimeField(allow_null=True)
    outcome = serializers.ChoiceField(choices=choices(Answer), allow_null=True)
    own_master = serializers.BooleanField()
