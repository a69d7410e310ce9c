"""Shapes of signing keys. No answer has a member for anything private."""

from __future__ import annotations

from rest_framework import serializers

from config.kit.api.serializers import Input
from licenses.api.fields import MAX_REASON, Flag, Text
from licenses.domain.enums import Algorithm
from licenses.domain.keys import MAX_PEM
from licenses.models import SigningKey
from licenses.models.catalogue import choices


class PlaceInput(Input):
    """Where a key signs: for one product, or for every product without a key of its own."""

    algorithm = serializers.ChoiceField(choices=choices(Algorithm))
    product_key = Text(max_length=63, required=False, allow_null=True)


class RotateInput(PlaceInput):
    force = Flag(required=False, default=False, help_text="Do not wait until the successor is known.")


class KeyImportInput(Input):
    pem = Text(max_length=MAX_PEM, trim_whitespace=False, write_only=True, help_text="The private key.")
    password = Text(max_length=1000, required=False, trim_whitespace=False, write_only=True)
    product_key = Text(max_length=63, required=False, allow_null=True)


class ForceInput(Input):
    force = Flag(required=False, default=False)


class KeyRevokeInput(ForceInput):
    reason = Text(max_length=MAX_REASON)
    reissue = Flag(
        required=False,
        default=False,
        help_text="Sign every live license of this key anew, in the background.",
    )


class KeyOutput(serializers.ModelSerializer[SigningKey]):
    product_key = serializers.CharField(
        source="product.product_key", read_only=True, allow_null=True, default=None
    )

    class Meta:
        model = SigningKey
        fields = [
            "kid", "algorithm", "product_key", "state", "origin", "public_pem", "staged_at", "activated_at",
            "retired_at", "revoked_at", "revoked_reason",
        ]  # fmt: skip
        read_only_fields = fields
