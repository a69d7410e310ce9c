"""Shapes of requests and answers. Inputs refuse unknown members; answers are built field by field."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from rest_framework import serializers

from accounts.models import Account, ApiKey
from accounts.services.merging import Source
from config.kit.api.serializers import Input

MAX_NOTES = 10_000


class AccountOutput(serializers.ModelSerializer[Account]):
    class Meta:
        model = Account
        fields = ["slug", "customer_id", "name", "kind", "email", "domain", "crm_ref", "notes", "created_at"]
        read_only_fields = fields


class AccountFields(Input):
    email = serializers.EmailField(max_length=254, required=False, allow_blank=True)
    domain = serializers.CharField(max_length=253, required=False, allow_blank=True)
    crm_ref = serializers.CharField(max_length=100, required=False, allow_blank=True)
    notes = serializers.CharField(max_length=MAX_NOTES, required=False, allow_blank=True)


class AccountCreateInput(AccountFields):
    name = serializers.CharField(max_length=200)
    slug = serializers.CharField(
        max_length=63, required=False, help_text="Made from the name when it is left out."
    )
    kind = serializers.ChoiceField(
        choices=Account.Kind.choices, required=False, default=Account.Kind.PROSPECT
    )


class AccountUpdateInput(AccountFields):
    name = serializers.CharField(max_length=200, required=False)


OF_EITHER = [Source.WINNER.value, Source.LOSER.value]


class KeepInput(Input):
    """For each particular, whose value the winner has afterwards."""

    name = serializers.ChoiceField(choices=OF_EITHER, required=False)
    kind = serializers.ChoiceField(choices=OF_EITHER, required=False)
    email = serializers.ChoiceField(choices=OF_EITHER, required=False)
    domain = serializers.ChoiceField(choices=OF_EITHER, required=False)
    owner = serializers.ChoiceField(choices=OF_EITHER, required=False)
    crm_ref = serializers.ChoiceField(choices=OF_EITHER, required=False)
    notes = serializers.ChoiceField(choices=[*OF_EITHER, Source.BOTH.value], required=False)


class AccountMergeInput(Input):
    into = serializers.CharField(max_length=63, help_text="Slug or customer id of the account that stays.")
    keep = KeepInput(
        required=False,
        help_text=(
            "What is left out stays the winner's, filled up from the loser's where the winner has none; notes are"
            " kept of both."
        ),
    )


class ApiKeyOutput(serializers.ModelSerializer[ApiKey]):
    account = serializers.SlugRelatedField[Account](slug_field="slug", read_only=True, allow_null=True)

    class Meta:
        model = ApiKey
        fields = [
            "prefix",
            "name",
            "role",
            "account",
            "created_by",
            "created_at",
            "expires_at",
            "revoked_at",
            "last_used_on",
        ]
        read_only_fields = fields


class ApiKeyCreated(ApiKeyOutput):
    """The one answer that holds the token."""

    token = serializers.CharField(
        read_only=True,
        help_text="Shown this once, and again to a repetition under the same `Idempotency-Key`.",
    )

    class Meta(ApiKeyOutput.Meta):
        fields = [*ApiKeyOutput.Meta.fields, "token"]
        read_only_fields = fields


class ApiKeyCreateInput(Input):
    name = serializers.CharField(max_length=100)
    role = serializers.ChoiceField(choices=ApiKey.RoleName.choices)
    account = serializers.CharField(
        max_length=63, required=False, allow_null=True, help_text="Slug of the account to bind the key to."
    )
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default_timezone=UTC)


class MeOutput(serializers.Serializer[Any]):
    client = serializers.CharField(help_text="Tells one credential from another.")
    actor = serializers.CharField(help_text="How history names what this credential does.")
    roles = serializers.ListField(child=serializers.CharField())
    scopes = serializers.ListField(child=serializers.CharField())
    groups = serializers.ListField(child=serializers.CharField(), help_text="Account slugs it is bound to.")
    sees_every_group = serializers.BooleanField()
