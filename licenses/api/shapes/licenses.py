"""Shapes of licenses, issuances and renewals: what is taken and what is answered."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.kit.api.serializers import Input
from licenses.api.fields import (
    ENTITLEMENTS_SCHEMA,
    MAX_REASON,
    Entitlements,
    Flag,
    Instant,
    Sha256,
    Text,
    WebAddress,
    Whole,
)
from licenses.domain.enums import Edition, Format, Kind
from licenses.domain.instants import MAX_DAYS
from licenses.domain.periods import MAX_TERM_DAYS, MAX_TERM_MONTHS, RenewalAnchor
from licenses.models import Issuance, License, Renewal
from licenses.models.catalogue import choices
from licenses.terms import TERMS


class Writing(Input):
    """How a snapshot is written down. Every operation that signs takes these."""

    format = serializers.ChoiceField(
        choices=choices(Format), required=False, help_text="Default: the product's own."
    )
    persist = Flag(
        required=False,
        help_text=(
            "false: the text is in this answer only; its record and hash stay. With an `Idempotency-Key` the whole "
            "answer is kept, sealed, for as long as it can be repeated (24 hours)."
        ),
    )


class TermsInput(Writing):
    """What may differ from the plan. A limit of 0 is unlimited."""

    edition = serializers.ChoiceField(choices=choices(Edition), required=False)
    quantity = Whole(1, required=False)
    seats = Whole(required=False)
    nodes = Whole(required=False)
    machines = Whole(required=False)
    collectors = Whole(required=False)
    entitlements = Entitlements(required=False)
    warn_days = Whole(0, MAX_DAYS, required=False)
    grace_days = Whole(0, MAX_DAYS, required=False)
    fingerprint_sha256 = Sha256(required=False, allow_blank=True)
    prefer_online = Flag(required=False, help_text="Deployments should validate online (D20).")
    online_url = WebAddress(required=False, allow_blank=True, help_text="Where to validate online.")
    comment = Text(max_length=2000, required=False, allow_blank=True)
    crm_ref = Text(max_length=100, required=False, allow_blank=True)


class LicenseCreateInput(TermsInput):
    account = Text(max_length=63, help_text="Slug of an account that exists.")
    product_key = Text(max_length=63)
    plan = Text(max_length=63, help_text="Code of the plan.")
    kind = serializers.ChoiceField(choices=choices(Kind), required=False, help_text="Default: the plan's.")
    internal = Flag(required=False, default=False, help_text="For our own use; out of every revenue figure.")
    starts_at = Instant(required=False, help_text="Default: now.")
    expires_at = Instant(required=False, help_text="The end itself; or `days`, or `perpetual`.")
    days = Whole(1, MAX_TERM_DAYS, required=False, help_text="Term from the start.")
    perpetual = Flag(required=False)


class LicenseUpdateInput(TermsInput):
    reason = Text(max_length=MAX_REASON, required=False, allow_blank=True, default="")


class IssueInput(Writing):
    pass


class RenewInput(Writing):
    """Exactly one of `until`, `months` and `days`."""

    until = Instant(required=False, help_text="The new end itself.")
    months = Whole(1, MAX_TERM_MONTHS, required=False)
    days = Whole(1, MAX_TERM_DAYS, required=False)
    anchor = serializers.ChoiceField(
        choices=[anchor.value for anchor in RenewalAnchor],
        required=False,
        default=RenewalAnchor.OLD_END.value,
        help_text="What months and days count from; `old_end` counts from now when it is past.",
    )
    anchor_at = Instant(required=False, help_text="With the anchor `date`.")
    reason = Text(max_length=MAX_REASON, required=False, allow_blank=True, default="")


class ReasonInput(Input):
    reason = Text(max_length=MAX_REASON, help_text="Kept with the license.")


class OptionalReasonInput(Input):
    reason = Text(max_length=MAX_REASON, required=False, allow_blank=True, default="")


def terms_of(values: dict[str, Any]) -> dict[str, Any]:
    """Take the terms out of checked members."""
    return {name: values.pop(name) for name in TERMS & values.keys()}


@extend_schema_field(ENTITLEMENTS_SCHEMA)
class EntitlementsOutput(serializers.JSONField):
    pass


class LicenseOutput(serializers.ModelSerializer[License]):
    id = serializers.CharField(source="public_id", read_only=True)
    account = serializers.CharField(source="account.slug", read_only=True)
    customer_id = serializers.CharField(source="account.customer_id", read_only=True)
    product_key = serializers.CharField(source="product.product_key", read_only=True)
    plan = serializers.CharField(source="plan_code", read_only=True)
    perpetual = serializers.BooleanField(source="is_perpetual", read_only=True)
    entitlements = EntitlementsOutput(read_only=True)
    posture = serializers.CharField(
        read_only=True, help_text="As the last sweep saw it; `…/status` says it for this instant."
    )

    class Meta:
        model = License
        fields = [
            "id", "account", "customer_id", "product_key", "plan", "kind", "internal", "edition", "quantity",
            "seats", "nodes", "machines", "collectors", "entitlements", "starts_at", "expires_at", "perpetual",
            "warn_days", "grace_days", "fingerprint_sha256", "prefer_online", "online_url", "comment", "crm_ref",
            "status", "status_reason", "status_at", "posture", "origin", "created_by", "created_at",
        ]  # fmt: skip
        read_only_fields = fields


class IssuanceOutput(serializers.ModelSerializer[Issuance]):
    jti = serializers.CharField(source="jti_text", read_only=True)
    license = serializers.CharField(source="license.public_id", read_only=True)
    kid = serializers.CharField(source="signing_key.kid", read_only=True)
    sha256 = serializers.CharField(source="text_sha256", read_only=True, help_text="Of the text, in hex.")
    claims = serializers.DictField(read_only=True, help_text="What was signed, by claim.")
    supersedes = serializers.SerializerMethodField(help_text="`jti` of the issuance before.")
    kept = serializers.SerializerMethodField(help_text="Whether the text can still be downloaded.")

    class Meta:
        model = Issuance
        fields = [
            "jti", "license", "format", "kid", "sha256", "claims", "issued_at", "expires_at", "actor",
            "channel", "cause", "supersedes", "kept",
        ]  # fmt: skip
        read_only_fields = fields

    def get_supersedes(self, row: Issuance) -> str | None:
        return row.supersedes.jti_text if row.supersedes else None

    def get_kept(self, row: Issuance) -> bool:
        kept: bool | None = getattr(row, "kept", None)  # annotated in lists, which leave the text alone
        return row.artifact is not None if kept is None else kept


class RenewalOutput(serializers.ModelSerializer[Renewal]):
    issuance = serializers.CharField(
        source="issuance.jti_text", read_only=True, allow_null=True, help_text="`jti`"
    )

    class Meta:
        model = Renewal
        fields = ["old_expires_at", "new_expires_at", "reason", "actor", "renewed_at", "issuance"]
        read_only_fields = fields


class IssuedOutput(serializers.Serializer[Any]):
    """A license, its new issuance, and the signed text."""

    license = LicenseOutput()
    issuance = IssuanceOutput()
    text = serializers.CharField(help_text="The license as its customer installs it.")


class RenewedOutput(IssuedOutput):
    renewal = RenewalOutput()


class CustomerOutput(serializers.Serializer[Any]):
    id = serializers.CharField()
    slug = serializers.CharField()
    name = serializers.CharField()


class StatusOutput(serializers.Serializer[Any]):
    """A12: the state of a license at this instant."""

    license = serializers.CharField()
    state = serializers.ChoiceField(
        choices=[
            "trial", "valid", "warning", "grace", "read_only", "suspended", "revoked", "not_started",
        ],
        help_text="`trial` is a trial license that is neither in grace nor over.",
    )  # fmt: skip
    posture = serializers.CharField()
    expired = serializers.BooleanField(help_text="True in grace and read-only.")
    edition = serializers.CharField()
    kind = serializers.CharField()
    customer = CustomerOutput()
    seats = serializers.IntegerField(help_text="0 is unlimited.")
    nodes = serializers.IntegerField(help_text="0 is unlimited.")
    expires_at = serializers.DateTimeField(allow_null=True, help_text="null is perpetual.")
    grace_until = serializers.DateTimeField(allow_null=True)
    days_left = serializers.IntegerField(allow_null=True)
    changes_at = serializers.DateTimeField(allow_null=True, help_text="When `posture` changes next.")
    warning = serializers.CharField(allow_null=True)
    error = serializers.CharField(allow_null=True)
    checked_at = serializers.DateTimeField()


class SignalInput(Input):
    """What a deployment tells: its license is its credential. No other member is taken."""

    token = Text(
        max_length=131_072,
        trim_whitespace=False,  # the last byte of an envelope is a line feed, and it counts
        help_text="The license itself, in any of our formats.",
    )
    signal = serializers.ChoiceField(choices=["denied", "cleared"])
    reason = serializers.ChoiceField(
        choices=[
            "seats_exhausted", "too_many_machines", "too_many_collectors", "license_read_only",
            "license_required", "license_invalid", "entitlement_missing",
        ],
        required=False,
        help_text="With `denied`: what was refused.",
    )  # fmt: skip
    limit = Whole(required=False, help_text="The limit that was met.")
    used = Whole(required=False, help_text="How many were in use.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["signal"] == "denied" and "reason" not in attrs:
            raise serializers.ValidationError({"reason": "Say what was denied."}, code="required")
        if attrs["signal"] == "cleared" and attrs.keys() & {"reason", "limit", "used"}:
            raise serializers.ValidationError("A cleared license has no reason, limit or use.")
        return attrs


class SignalOutput(serializers.Serializer[Any]):
    license = serializers.CharField()
    signal = serializers.CharField()
    recorded_at = serializers.DateTimeField()
