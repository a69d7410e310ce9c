"""The body of a webhook event as staff see it: laid out, without what belongs to a person or opens a door."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

HIDDEN: Final = "•••"
LONGEST: Final = 60_000
_PERSONAL: Final = frozenset({
    "address", "billing_details", "business_name", "customer_address", "customer_details", "customer_email",
    "customer_name", "customer_phone", "customer_shipping", "customer_tax_ids", "collected_information",
    "description", "email", "evidence", "individual_name", "ip_address", "name", "owner", "payment_method_details",
    "phone", "receipt_email", "receipt_number", "shipping", "shipping_details", "statement_descriptor", "tax_ids",
    "verified_email", "verified_name",
})  # fmt: skip
_DOORS: Final = frozenset({
    "client_secret", "hosted_invoice_url", "invoice_pdf", "receipt_url", "secret", "url",
})  # fmt: skip
_OUR_METADATA: Final = frozenset({
    "checkout", "coupon", "group_name", "license_id", "lookup_key", "managed_products", "purpose",
})  # fmt: skip


def readable(body: bytes) -> str:
    """The body indented and masked; of what is no JSON only its size."""
    try:
        told = json.loads(body.decode("utf-8"))
        text = json.dumps(_masked(told), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return f"{len(body):,} bytes that are no JSON"
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}\n…"


def _masked(value: Any, name: str = "", *, inside: str = "") -> Any:
    if value is None or value == "" or isinstance(value, bool):
        return value
    if name in _PERSONAL or name in _DOORS or (inside == "metadata" and name not in _OUR_METADATA):
        return HIDDEN
    if isinstance(value, Mapping):
        return {key: _masked(member, key, inside=name) for key, member in value.items()}
    if isinstance(value, list):
        return [_masked(member, name, inside=inside) for member in value]
    return HIDDEN if isinstance(value, str) and "@" in value else value
