"""What stands in the OpenAPI document beside the operations: routes outside the framework, and tags."""

from __future__ import annotations

from typing import Any

from licenses.api.fields import ENTITLEMENTS_SCHEMA
from licenses.domain.enums import (
    Algorithm,
    Edition,
    Format,
    Kind,
    LicenseStatus,
    NodeCapState,
    Posture,
    ReleaseChannel,
)
from licenses.domain.heartbeats import LARGEST, MOST_SIGNALS, SIGNAL_TYPES
from licenses.domain.own_license import Answer
from licenses.domain.verdict_codes import FAILURES, WARNINGS
from licenses.models.catalogue import choices

# names of enumerations in the document, for drf-spectacular's ENUM_NAME_OVERRIDES
KINDS, EDITIONS = choices(Kind), choices(Edition)
FORMATS, ALGORITHMS = choices(Format), choices(Algorithm)
RELEASE_CHANNELS, OWN_OUTCOMES = choices(ReleaseChannel), choices(Answer)

TAGS = {
    "licenses": "The live right of an account to a product, and every step of its life.",
    "issuances": "Immutable signed snapshots of a license, their texts, and renewals.",
    "deployments": "What a customer's deployment calls: public keys, online validation, signals.",
    "catalogue": "Products, the plans that licenses are cut from, and presets.",
    "releases": "The update server: versions of a product, and who may have which.",
    "offers": "What is sold: plans at a price, bundles and coupons; what storefronts show, and how it is kept.",
    "trials": "Asking for a trial, and how running ones fare.",
    "signing keys": "Keys that sign licenses. Public halves only.",
    "own license": "The license that this installation itself runs under. For superadmins only.",
    "accounts": "Customers, prospects and internal units: the groups of the API.",
    "reports": "Payments that came in, as pages and as a file, and whether Stripe agrees.",
    "API keys": "Credentials of storefronts and scripts, and who the caller is.",
    "history": "The append-only log of what happened, and proofs that it was not changed.",
    "webhooks": "Outbound webhooks by Standard Webhooks: endpoints, deliveries, replay.",
    "checkout": "Orders: a place to pay at, what became of it, maintenance, the customer portal.",
    "tier changes": "Another plan for a license: a quote first, then the change.",
    "license operator": "The paths of the License Operator, for storefronts that already call it.",
    "about": "This document and the pages that show it.",
}


def _nullable(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": [kind, "null"], **more}


def _when(description: str) -> dict[str, Any]:
    return _nullable("string", format="date-time", description=description)


def _finding(codes: dict[str, str]) -> dict[str, Any]:
    return {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["code", "detail"],
            "properties": {"code": {"type": "string", "enum": list(codes)}, "detail": {"type": "string"}},
        },
    }


_USE = {
    "type": "object",
    "required": ["cap", "used"],
    "properties": {
        "cap": {"type": "integer", "minimum": 0, "description": "0 is unlimited."},
        "used": _nullable("integer", minimum=0, description="null: not known here."),
    },
}
_VERDICT: dict[str, dict[str, Any]] = {
    "ok": {"type": "boolean"},
    "reason": _nullable("string", enum=[*FAILURES, None], description="The first failure's code."),
    "posture": {"type": "string", "enum": [posture.value for posture in Posture]},
    "expired": {"type": "boolean", "description": "True in grace and beyond."},
    "failures": _finding(dict(FAILURES)),
    "warnings": _finding(dict(WARNINGS)),
    "license_id": _nullable("string"),
    "format": _nullable("string", enum=[*(form.value for form in Format), None]),
    "kid": _nullable("string", description="The key that signed the license."),
    "kind": _nullable("string", enum=[*(kind.value for kind in Kind), None]),
    "edition": _nullable("string", enum=[*(edition.value for edition in Edition), None]),
    "plan": _nullable("string"),
    "trial": {"type": "boolean"},
    "in_grace_period": {"type": "boolean"},
    "expires_at": _when("null is perpetual, or not known."),
    "grace_until": _when("When protected writes stop."),
    "changes_at": _when("When this answer changes by itself: a cache may keep it until then."),
    "checked_at": {"type": "string", "format": "date-time"},
    "machine_id": _nullable("string"),
    "entitlements": {**ENTITLEMENTS_SCHEMA, "description": "Live; empty unless ok."},
    "limits": {"type": "object", "additionalProperties": _USE},
}
VERDICT: dict[str, Any] = {
    "type": "object",
    "required": list(_VERDICT),
    "properties": {
        **_VERDICT,
        "detail": {"type": "string", "description": "With a body that cannot be read: why."},
        "document": {
            "type": "string",
            "description": "With `signed`: this verdict as a compact JWS of type `verdict+jwt`, to be cached.",
        },
    },
}
QUESTION: dict[str, Any] = {
    "type": "object",
    "required": ["key"],
    "additionalProperties": False,
    "properties": {
        "key": {"type": "string", "description": "The text of the license, in any format."},
        "product": _nullable("string", maxLength=255, description="Product key or audience."),
        "fingerprint": _nullable("string", maxLength=255, description="Of the machine that asks, in clear."),
        "users": _nullable("integer", minimum=0, maximum=2**31 - 1, description="Named users in use."),
        "nodes": _nullable("integer", minimum=0, maximum=2**31 - 1, description="Nodes in use."),
        "collector": {"type": "boolean", "default": False, "description": "A collector asks."},
        "signed": {"type": "boolean", "default": False, "description": "Answer with a signed document too."},
        "nonce": _nullable("string", maxLength=255, description="Comes back in the signed document."),
    },
}
VALIDATE: dict[str, Any] = {
    "operationId": "licenses_validate",
    "tags": ["deployments"],
    "summary": "Validate a license online: the complete verdict",
    "description": (
        "Always 200, whatever was presented (C22): read `ok` and `reason`. Every failed check is listed, not "
        "the first alone. Public: the license is the credential."
    ),
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/ValidationQuestion"},
                "examples": {"License": {"value": {"key": "<license text>", "product": "demo"}}},
            }
        },
    },
    "responses": {
        "200": {
            "description": "The verdict",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Verdict"}}},
        }
    },
}


_SIGNAL: dict[str, Any] = {
    "type": "object",
    "required": ["id", "type"],
    "additionalProperties": False,
    "properties": {
        "id": {
            "type": "string",
            "minLength": 8,
            "maxLength": 64,
            "description": "Said twice, it counts once.",
        },
        "type": {"type": "string", "enum": list(SIGNAL_TYPES)},
        "reason": {"type": "string", "maxLength": 40, "description": "A code in lower case."},
        "limit": _nullable("integer", minimum=0, maximum=LARGEST),
        "used": _nullable("integer", minimum=0, maximum=LARGEST),
        "from": _nullable("string", enum=[*(posture.value for posture in Posture), None]),
        "to": _nullable("string", enum=[*(posture.value for posture in Posture), None]),
    },
}
HEARTBEAT: dict[str, Any] = {
    "type": "object",
    "required": ["install_id", "version", "os", "nodes"],
    "additionalProperties": False,
    "properties": {
        "install_id": {
            "type": "string",
            "pattern": "^[A-Za-z0-9][A-Za-z0-9_-]{7,63}$",
            "description": "Made up by the installation once; says nothing of a person or a machine.",
        },
        "version": {"type": "string", "pattern": "^v?[0-9][A-Za-z0-9.+-]{0,62}$"},
        "os": {"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9 ._+()/-]{0,63}$"},
        "nodes": {"type": "integer", "minimum": 0, "maximum": LARGEST, "description": "Nodes in use."},
        "operator_node_cap": _nullable(
            "integer", minimum=0, maximum=LARGEST, description="A lower cap that the operator has set (A14)."
        ),
        "seats_used": _nullable("integer", minimum=0, maximum=LARGEST),
        "signals": {"type": "array", "maxItems": MOST_SIGNALS, "items": _SIGNAL},
    },
}
_MESSAGE = {
    "type": "object",
    "required": ["code", "level", "text"],
    "properties": {
        "code": {"type": "string"},
        "level": {"type": "string", "enum": ["info", "warning", "error"]},
        "text": {"type": "string"},
    },
}
_BEAT_ANSWER: dict[str, dict[str, Any]] = {
    "license_id": {"type": "string"},
    "status": {"type": "string", "enum": [status.value for status in LicenseStatus]},
    "posture": {"type": "string", "enum": [posture.value for posture in Posture]},
    "expired": {"type": "boolean"},
    "expires_at": _when("null is perpetual."),
    "days_left": _nullable("integer"),
    "changes_at": _when("When the posture changes by time alone."),
    "node_cap": {
        "type": "object",
        "required": ["cap", "nodes", "state"],
        "properties": {
            "cap": {"type": "integer", "description": "The effective cap; 0 is unlimited."},
            "nodes": {"type": "integer"},
            "state": {"type": "string", "enum": [state.value for state in NodeCapState]},
        },
    },
    "messages": {
        "type": "array",
        "items": _MESSAGE,
        "description": "To show to the operators, gravest first.",
    },
    "next_beat_seconds": {"type": "integer", "description": "How long to wait before the next one."},
}
BEAT_ANSWER: dict[str, Any] = {
    "type": "object",
    "required": list(_BEAT_ANSWER),
    "properties": _BEAT_ANSWER,
}
BEAT: dict[str, Any] = {
    "operationId": "heartbeats_create",
    "tags": ["deployments"],
    "summary": "Report an installation: version, system, nodes, and what happened there",
    "description": (
        "The license text itself is the credential: `Authorization: Bearer <license text>`. The list of members "
        "is closed (A18); 60 beats of one license in an hour. An expired, suspended or revoked license may "
        "still report."
    ),
    "security": [{"license": []}],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/Heartbeat"},
                "examples": {
                    "A beat": {
                        "value": {
                            "install_id": "5c1f0a7e9b", "version": "2.4.1", "os": "Linux 6.1", "nodes": 1,
                        }
                    }
                },
            }
        },
    },
    "responses": {
        "200": {
            "description": "What the installation should know",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/HeartbeatAnswer"}}},
        }
    },
}  # fmt: skip


def _page(name: str, summary: str, *media_types: str) -> dict[str, Any]:
    return {
        "get": {
            "operationId": name,
            "tags": ["about"],
            "summary": summary,
            "description": "Public: no credential is asked for.",
            "responses": {
                "200": {
                    "description": summary,
                    "content": {media_type: {"schema": {}} for media_type in media_types},
                }
            },
        }
    }


PATHS: dict[str, dict[str, Any]] = {
    "/api/": _page("contents", "Say what is here", "application/json", "text/html"),
    "/api/v1/schema": _page("schema", "This document", "application/json", "application/yaml"),
    "/api/v1/docs": _page("docs", "Read and try the API in the browser", "text/html"),
    "/api/v1/heartbeats": {"post": BEAT},
    "/api/v1/licenses/validate": {"post": VALIDATE},
}


def complete(result: dict[str, Any], generator: Any, **_: Any) -> dict[str, Any]:
    """For drf-spectacular's POSTPROCESSING_HOOKS, before the problem responses: add what it cannot find.

    A document of some routes only stays as it is.
    """
    if generator.patterns is not None:
        return result
    components = result.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas["Verdict"], schemas["ValidationQuestion"] = VERDICT, QUESTION
    schemas["Heartbeat"], schemas["HeartbeatAnswer"] = HEARTBEAT, BEAT_ANSWER
    components.setdefault("securitySchemes", {})["license"] = {
        "type": "http",
        "scheme": "bearer",
        "description": "The text of a license, as the customer's deployment holds it.",
    }
    result["paths"] = dict(sorted({**result.get("paths", {}), **PATHS}.items()))
    result["tags"] = [{"name": name, "description": text} for name, text in TAGS.items()]
    return result
