"""Public keys for deployments: no credential, cacheable, nothing private."""

from __future__ import annotations

import hashlib
import json

from django.conf import settings
from django.http import HttpResponse
from django.utils.cache import get_conditional_response
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request

from config.kit.api.permissions import PUBLIC
from config.kit.api.views import Operation
from licenses import listings, selectors
from licenses.api import examples

TAGS = ["deployments"]
MAX_NAME = 63


def cached(request: Request, body: bytes, content_type: str, *, max_age: int | None = None) -> HttpResponse:
    """Answer a public document with cache headers; 304 when the caller holds it already (RFC 9110 §13).

    `max_age` in seconds; None is that of the public keys.
    """
    seconds = settings.JWKS_MAX_AGE_SECONDS if max_age is None else max_age
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    response = HttpResponse(body, content_type=content_type)
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = f"public, max-age={seconds}"
    # what is public may be read by any page
    response.headers["Access-Control-Allow-Origin"] = "*"
    found = get_conditional_response(request._request, etag=etag, response=response)  # noqa: SLF001 - DRF's public seam
    assert isinstance(found, HttpResponse)  # noqa: S101 - Django's type knows less
    return found


class JwksRead(Operation):
    required_scope = PUBLIC
    authentication_classes = ()

    @extend_schema(
        operation_id="jwks",
        tags=TAGS,
        summary="Read the public keys that licenses verify with (RFC 7517)",
        description=(
            "Staged, active and retired keys; revoked ones are gone. A key is published here before it "
            "signs, for longer than `max-age`."
        ),
        parameters=[
            OpenApiParameter("product", str, description="Product key: its own keys and the shared ones.")
        ],
        responses={(200, "application/jwk-set+json"): OpenApiTypes.OBJECT, 304: None},
        examples=[examples.JWKS],
    )
    def get(self, request: Request) -> HttpResponse:
        name = request.query_params.get("product")
        product = None if name is None else listings.product_get(name.replace("\x00", "")[:MAX_NAME])
        body = json.dumps(selectors.jwks(product), separators=(",", ":")).encode()
        return cached(request, body, "application/jwk-set+json")


class PemRead(Operation):
    required_scope = PUBLIC
    authentication_classes = ()

    @extend_schema(
        operation_id="public_pem",
        tags=TAGS,
        summary="Read a product's public keys as PEM, for openssl",
        description="The key that signs now comes first; `kid` picks one. A line above each says what it is.",
        parameters=[OpenApiParameter("kid", str, description="Only this key.")],
        responses={(200, "application/x-pem-file"): OpenApiTypes.STR, 304: None},
    )
    def get(self, request: Request, product_key: str) -> HttpResponse:
        text = listings.public_pems(
            listings.product_get(product_key), kid=request.query_params.get("kid", "")
        )
        return cached(request, text.encode(), "application/x-pem-file")
