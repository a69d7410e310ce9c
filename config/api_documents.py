"""The OpenAPI document and the page that shows it, both without any address outside this installation."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.renderers import JSONRenderer

from config.kit.api.routing import read_only

MAX_AGE_SECONDS = 300
RENDERERS = {"json": JSONRenderer, "yaml": OpenApiYamlRenderer}
CONTENT_TYPES = {"json": "application/json", "yaml": "application/yaml"}


@lru_cache(maxsize=2)
def document(form: str) -> bytes:
    """Return the OpenAPI document as `json` or `yaml`. Made once a process: making it takes a second."""
    generator: Any = SchemaGenerator
    renderer: Any = RENDERERS[form]()
    text: bytes = renderer.render(generator().get_schema(request=None, public=True), renderer_context={})
    return text


@read_only
def schema_document(request: HttpRequest) -> HttpResponseBase:
    """`GET /api/v1/schema`: JSON, or YAML with `?format=yaml` or an `Accept` that names YAML."""
    wanted = request.GET.get("format") or ("yaml" if "yaml" in request.headers.get("Accept", "") else "json")
    form = wanted if wanted in RENDERERS else "json"
    body = document(form)
    response = HttpResponse(body, content_type=CONTENT_TYPES[form])
    response.headers["Cache-Control"] = f"public, max-age={MAX_AGE_SECONDS}"
    response.headers["Vary"] = "Accept"
    response.headers["ETag"] = etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    found = get_conditional_response(request, etag=etag, response=response)
    return response if found is None else found


class Docs(SpectacularSwaggerSplitView):
    """`GET /api/v1/docs`: Swagger UI from our own static files; its script is a request of its own (CSP)."""

    url_name = "api-schema"
    throttle_classes = ()
