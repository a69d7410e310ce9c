"""Shapes of the License Operator's own paths: its names, in camel case."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from config.kit.api.serializers import Input
from licenses.api.fields import Flag, InstantOrEpoch, Text, Whole
from licenses.models import License


class EnsureInput(Input):
    """E2. `managedProducts` is the number of seats."""

    group = Text(max_length=63, help_text="Slug of an account that exists.")
    productKey = Text(max_length=63)  # noqa: N815 - the operator's name
    plan = Text(max_length=63)
    email = serializers.EmailField(
        max_length=254, required=False, allow_blank=True, help_text="Kept at the account when it has none."
    )
    domain = Text(
        max_length=253, required=False, allow_blank=True, help_text="Kept at the account when it has none."
    )
    exp = InstantOrEpoch(required=False, allow_null=True, help_text="Default: the plan's term from now.")
    managedProducts = Whole(required=False)  # noqa: N815 - as above
    priceLocked = Flag(required=False, help_text="Taken for compatibility; a license carries no price.")  # noqa: N815 - as above
    persist = Flag(
        required=False, help_text="false: the text is not kept, but for an answer under an `Idempotency-Key`."
    )


class GroupLicenseOutput(serializers.Serializer[License]):
    """One license in the list of its group (E22)."""

    licenseId = serializers.CharField(source="public_id")  # noqa: N815 - the operator's name
    group = serializers.CharField(source="account.slug")
    productKey = serializers.CharField(source="product.product_key")  # noqa: N815 - as above
    plan = serializers.CharField(source="plan_code")
    kind = serializers.CharField()
    edition = serializers.CharField()
    status = serializers.CharField()
    managedProducts = serializers.IntegerField(source="seats")  # noqa: N815 - as above
    createdAt = serializers.DateTimeField(source="created_at")  # noqa: N815 - as above
    exp = serializers.DateTimeField(source="expires_at", allow_null=True)


class OperatorAnswer(serializers.Serializer[Any]):
    """A page of a group's licenses."""

    items = GroupLicenseOutput(many=True)
    page = serializers.IntegerField()
    pageSize = serializers.IntegerField()  # noqa: N815 - the operator's name
    total = serializers.IntegerField()
