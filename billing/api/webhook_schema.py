"""The webhook in the OpenAPI document: it stands outside the framework."""

from __future__ import annotations

from typing import Any

from billing.api.webhook import OPERATOR_PATH, PATH

TAG = {"name": "Stripe", "description": "Where Stripe tells what happened."}
_EVENT = {
    "type": "object",
    "description": "An event as Stripe sends it, of any API version: a snapshot event or a thin one.",
    "required": ["id", "type"],
    "properties": {"id": {"type": "string"}, "type": {"type": "string"}},
}
_SIGNATURE = {
    "name": "Stripe-Signature",
    "in": "header",
    "required": True,
    "schema": {"type": "string"},
    "description": "Over the raw body; the time in it may be five minutes off, either way.",
}
_MERCHANT = {
    "name": "merchant",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,62}$"},
    "description": "Slug of a merchant profile.",
}


def _operation(name: str, summary: str, *parameters: dict[str, Any]) -> dict[str, Any]:
    return {
        "post": {
            "operationId": name,
            "tags": ["Stripe"],
            "summary": summary,
            "description": (
                "Public: the signature is the credential. It is verified, the event stored once under its id, "
                "and worked on afterwards (E17). 200 also for an event that is known. 400: the signature does "
                "not fit, and nothing is stored. 413: more than 256 KiB. 503: no webhook secret is configured."
            ),
            "parameters": [_SIGNATURE, *parameters],
            "security": [],
            "requestBody": {"required": True, "content": {"application/json": {"schema": _EVENT}}},
            "responses": {
                "200": {
                    "description": "Stored",
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "required": ["received"],
                                "properties": {"received": {"type": "boolean", "const": True}},
                            }
                        }
                    },
                }
            },
        }
    }


PATHS = {
    PATH: _operation("stripe_webhook", "Take an event of the default merchant profile"),
    f"{PATH}/{{merchant}}": _operation(
        "stripe_webhook_merchant", "Take an event of one merchant profile", _MERCHANT
    ),
    OPERATOR_PATH: _operation("operator_stripe_webhook", "Take an event (License Operator)"),
}


def complete(result: dict[str, Any], generator: Any, **_: Any) -> dict[str, Any]:
    """For drf-spectacular's POSTPROCESSING_HOOKS: add what it cannot find. A document of some routes stays."""
    if generator.patterns is not None:
        return result
    result["paths"] = dict(sorted({**result.get("paths", {}), **PATHS}.items()))
    result["tags"] = [*result.get("tags", []), TAG]
    return result
