"""`GET /api/`: what is here, for people and for programs."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers

from config.kit.api.routing import read_only

ENTRIES = (
    ("docs", "api-docs", "Read and try the API in the browser"),
    ("schema", "api-schema", "OpenAPI 3.1 document, JSON or ?format=yaml"),
    ("licenses", "licenses", "Licenses, issuances, renewals"),
    ("products", "products", "Products and plans"),
    ("presets", "presets", "Quick-generate presets"),
    ("signing_keys", "signing-keys", "Signing keys"),
    ("accounts", "accounts", "Customers, prospects and internal units"),
    ("trials", "trials", "Trials: asked for, running and ended"),
    ("evidence", "evidence-packages", "Evidence of how trials ended"),
    ("activations", "activations", "Machines and collectors that hold a place; with a license as credential"),
    ("offers", "offers", "What is sold, at which price"),
    ("payments", "report-payments", "Payments received"),
    ("api_keys", "api-keys", "Credentials of programs"),
    ("self_license", "self-license", "The license of this installation, its tier and caps; for superadmins"),
    ("me", "me", "Who you are here, and what you may"),
    ("history", "history", "What happened, in order"),
    ("webhook_endpoints", "webhook-endpoints", "Outbound webhooks, their deliveries and their secrets"),
    ("checkpoint", "history-checkpoint", "Newest signed checkpoint of the history"),
    ("jwks", "jwks", "Public keys that licenses verify with"),
    ("license_operator", "operator-product-keys", "Paths of the License Operator"),
)
WRITTEN_TO = (  # answered before Django's own routes
    {"name": "validate", "href": "/api/v1/licenses/validate", "title": "Online validation (POST)"},
    {"name": "heartbeats", "href": "/api/v1/heartbeats", "title": "Heartbeats of installations (POST)"},
)


@read_only
def contents(request: HttpRequest) -> HttpResponse:
    """Answer with JSON, or with a page for a browser."""
    entries: list[dict[str, Any]] = [
        {"name": name, "href": reverse(route), "title": title} for name, route, title in ENTRIES
    ]
    document = {"title": "Signet", "version": "1", "contents": [*entries, *WRITTEN_TO]}
    wants_page = "text/html" in request.headers.get("Accept", "")
    response = render(request, "api/contents.html", document) if wants_page else JsonResponse(document)
    patch_vary_headers(response, ["Accept"])
    return response
