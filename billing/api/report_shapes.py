"""What reports of payments answer, in our spelling and in the License Operator's."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import Any

from rest_framework import serializers

from billing.api.naming import camel
from billing.domain.verdicts import PaymentVerdict
from billing.models import Payment
from config.kit.ids import license_id
from licenses.models.catalogue import choices


def minor(text: str) -> serializers.IntegerField:
    return serializers.IntegerField(help_text=f"{text}, minor units.")


class PaymentOutput(serializers.Serializer[Payment]):
    """A payment as it was recorded."""

    id = serializers.UUIDField(source="uid")
    paid_at = serializers.DateTimeField()
    state = serializers.CharField()
    purpose = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment] # Field has a `source` of its own
    offer = serializers.CharField(source="offer.slug")
    lookup_key = serializers.CharField(source="offer.lookup_key")
    organization = serializers.CharField(source="account.slug")
    organization_name = serializers.CharField(source="account.name")
    customer_name = serializers.CharField()
    customer_email = serializers.CharField()
    currency = serializers.CharField()
    amount_minor = minor("Paid, tax included")
    tax_minor = minor("Tax within it")
    refunded_minor = minor("Refunded of it")
    expected_minor = serializers.IntegerField(allow_null=True, help_text="As it was quoted, minor units.")
    period_start = serializers.DateTimeField(allow_null=True)
    period_end = serializers.DateTimeField(allow_null=True)
    reference = serializers.CharField(help_text="Stripe's session or invoice.")
    subscription = serializers.CharField(allow_null=True)
    invoice = serializers.CharField()
    payment_intent = serializers.CharField()
    livemode = serializers.BooleanField()
    counted = serializers.BooleanField(help_text="Whether it stands in revenue figures.")
    licenses = serializers.ListField(child=serializers.CharField(), help_text="What it brought or prolonged.")

    def to_representation(self, row: Payment) -> dict[str, Any]:
        brought = self.context.get("licenses", {}).get(row.pk, [])
        return {
            "id": str(row.uid),
            "paid_at": row.paid_at,
            "state": row.state,
            "purpose": row.purpose,
            "source": row.source,
            "offer": row.offer.slug,
            "lookup_key": row.offer.lookup_key,
            "organization": row.account.slug,
            "organization_name": row.account.name,
            "customer_name": row.customer_name,
            "customer_email": row.customer_email,
            "currency": row.currency,
            "amount_minor": row.amount_minor,
            "tax_minor": row.tax_minor,
            "refunded_minor": row.refunded_minor,
            "expected_minor": row.expected_minor,
            "period_start": row.period_start,
            "period_end": row.period_end,
            "reference": row.reference,
            "subscription": row.subscription.stripe_id if row.subscription else None,
            "invoice": row.invoice_ref,
            "payment_intent": row.intent_ref,
            "livemode": row.livemode,
            "counted": row.counted,
            "licenses": [license_id(item.uid) for item in brought],
        }


class TotalsOutput(serializers.Serializer[Any]):
    """Sums over every row that the filters leave, whatever page is shown; one a currency."""

    currency = serializers.CharField()
    count = serializers.IntegerField()
    amount_minor = minor("Paid")
    tax_minor = minor("Tax")
    refunded_minor = minor("Refunded")
    net_minor = minor("Paid less refunded")


class ReportOutput(serializers.Serializer[Any]):
    """One page of the report (E30)."""

    items = PaymentOutput(many=True)
    page = serializers.IntegerField()
    page_size = serializers.IntegerField()
    total = serializers.IntegerField(help_text="Rows that the filters leave.")
    totals = TotalsOutput(many=True)


class LicensePart(serializers.Serializer[Any]):
    """The license that was asked for."""

    id = serializers.CharField(source="public_id")
    status = serializers.CharField()
    organization = serializers.CharField(source="account.slug")
    plan = serializers.CharField(source="plan_code")
    seats = serializers.IntegerField()
    origin = serializers.CharField()
    expires_at = serializers.DateTimeField(allow_null=True)


class ProductPart(serializers.Serializer[Any]):
    """What is licensed."""

    product_key = serializers.CharField()
    name = serializers.CharField()


class InvoicePart(serializers.Serializer[Any]):
    """The invoice, as Stripe has it now."""

    id = serializers.CharField()
    status = serializers.CharField()
    billing_reason = serializers.CharField()
    currency = serializers.CharField()
    amount_paid_minor = serializers.IntegerField()
    amount_due_minor = serializers.IntegerField()
    tax_minor = serializers.IntegerField()
    created = serializers.DateTimeField()
    paid_at = serializers.DateTimeField(allow_null=True)


class ChargePart(serializers.Serializer[Any]):
    """One attempt to take money."""

    id = serializers.CharField()
    status = serializers.CharField()
    paid = serializers.BooleanField()
    currency = serializers.CharField()
    amount_minor = serializers.IntegerField()
    refunded_minor = serializers.IntegerField()
    disputed = serializers.BooleanField()
    created = serializers.DateTimeField()


class IntentPart(serializers.Serializer[Any]):
    """The payment intent, as Stripe has it now, with its charges."""

    id = serializers.CharField()
    status = serializers.CharField()
    livemode = serializers.BooleanField()
    currency = serializers.CharField()
    amount_minor = serializers.IntegerField()
    received_minor = serializers.IntegerField()
    charges = ChargePart(many=True)


class ReasonPart(serializers.Serializer[Any]):
    """What the verdict rests on."""

    code = serializers.CharField()
    detail = serializers.CharField()


class VerificationOutput(serializers.Serializer[Any]):
    """A license and its payment, held against Stripe (E31)."""

    verdict = serializers.ChoiceField(choices=choices(PaymentVerdict))
    reasons = ReasonPart(many=True)
    license = LicensePart()
    product = ProductPart(source="license.product")
    payment = PaymentOutput(allow_null=True)
    invoice = InvoicePart(allow_null=True)
    payment_intent = IntentPart(source="intent", allow_null=True)
    payments = PaymentOutput(many=True)
    checked_at = serializers.DateTimeField()


@cache  # one shape, one component of the document
def camel_shape(shape: Any) -> Any:
    """The same shape for the schema, with every member in camel case at every depth."""
    fields: dict[str, Any] = {}
    for name, field in shape().fields.items():
        many = isinstance(field, serializers.ListSerializer)
        inner = field.child if many else field
        if isinstance(inner, serializers.Serializer):
            fields[camel(name)] = camel_shape(type(inner))(many=many, allow_null=field.allow_null)
        else:
            fields[camel(name)] = deepcopy(field)  # how DRF itself copies a declared field
    return type(f"Operator{shape.__name__}", (serializers.Serializer,), {"__doc__": shape.__doc__, **fields})


def camel_document(value: Any) -> Any:
    """A document with every name in camel case, as the License Operator spells it."""
    if isinstance(value, dict):
        return {camel(name): camel_document(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [camel_document(member) for member in value]
    return value
