"""Routes under /.well-known/."""

from __future__ import annotations

from django.urls import path

from licenses.api import converters as converters  # noqa: PLC0414 - registers them
from licenses.api import well_known

urlpatterns = [
    path("jwks.json", well_known.JwksRead.as_view(), name="jwks"),
    path("licenses/<code:product_key>.pem", well_known.PemRead.as_view(), name="public-pem"),
]
