"""Shapes of releases."""

from __future__ import annotations

from rest_framework import serializers

from config.kit.api.serializers import Input
from licenses.api.fields import Instant, Sha256, Text, Whole
from licenses.domain.entitlements import MAX_INTEGER
from licenses.domain.enums import Edition, ReleaseChannel
from licenses.domain.versions import MAX_VERSION
from licenses.models import Release
from licenses.models.catalogue import choices
from licenses.models.releases import MAX_ARTIFACT, MAX_NOTES, MAX_REASON


class ReleaseUpdateInput(Input):
    channel = serializers.ChoiceField(choices=choices(ReleaseChannel), required=False)
    notes = Text(
        max_length=MAX_NOTES,
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        help_text="Customers read them.",
    )
    artifact = Text(
        max_length=MAX_ARTIFACT,
        required=False,
        help_text="An https address, or a name in a registry or store.",
    )
    sha256 = Sha256(required=False, help_text="Of the artifact. Fixed once the release is out.")
    size_bytes = Whole(1, MAX_INTEGER, required=False, help_text="Fixed once the release is out.")
    entitlement = Text(
        max_length=64, required=False, allow_blank=True, help_text="Slug that a license needs."
    )
    minimum_edition = serializers.ChoiceField(
        choices=choices(Edition), required=False, allow_blank=True, help_text="Empty: every edition."
    )
    published_at = Instant(
        required=False,
        help_text="Nobody gets it before; it decides by maintenance. Fixed once it has passed.",
    )


class ReleaseCreateInput(ReleaseUpdateInput):
    version = Text(
        max_length=MAX_VERSION, help_text="Semantic Versioning 2.0.0, such as 2.4.1 or 3.0.0-rc.1."
    )
    artifact = Text(max_length=MAX_ARTIFACT, help_text="An https address, or a name in a registry or store.")
    sha256 = Sha256(help_text="Of the artifact.")
    size_bytes = Whole(1, MAX_INTEGER, help_text="Of the artifact.")


class ReleaseWithdrawInput(Input):
    reason = Text(max_length=MAX_REASON, help_text="Customers read it.")


class ReleaseOutput(serializers.ModelSerializer[Release]):
    product_key = serializers.CharField(source="product.product_key", read_only=True)

    class Meta:
        model = Release
        fields = [
            "product_key", "version", "channel", "notes", "artifact", "sha256", "size_bytes", "entitlement",
            "minimum_edition", "published_at", "withdrawn_at", "withdrawn_reason", "created_by", "created_at",
        ]  # fmt: skip
        read_only_fields = fields
