"""Every route of the product."""

from __future__ import annotations

from django.apps import apps as installed
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from config import health
from config.api_contents import contents
from config.api_documents import Docs, schema_document
from config.kit.api.routing import read_only

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.prometheus, name="metrics"),
    path(".well-known/", include("licenses.api.well_known_urls")),
    path("api/", contents, name="api-contents"),
    path("api/v1/schema", schema_document, name="api-schema"),
    path("api/v1/docs", read_only(Docs.as_view()), name="api-docs"),
    path("api/v1/", include("accounts.api.urls")),
    path("api/v1/", include("licenses.api.urls")),
    path("api/v1/", include("notifications.api.urls")),
    path("api/v1/", include("trials.api.urls")),
    path("api/v1/", include("billing.api.catalogue_urls")),
    path("api/v1/", include("billing.api.webhook_urls")),
    path("authlance/", include("billing.api.webhook_operator_urls")),
    path("api/v1/", include("billing.api.checkout_urls")),
    path("api/v1/", include("billing.api.report_urls")),
    path("", include("billing.api.report_operator_urls")),
    path("authlance/", include("billing.api.checkout_operator_urls")),
    path("authlance/", include("trials.api.operator_urls")),
    path("authlance/", include("billing.api.catalogue_operator_urls")),
    path("authlance/", include("licenses.api.operator_urls")),
    path("", include("notifications.urls")),
    path("", include("trials.urls")),
    path("", include("billing.urls")),
]
if installed.is_installed("crm"):
    urlpatterns.append(path("api/v1/", include("crm.api.urls")))
    urlpatterns.append(path("", include("crm.webhooks")))

handler400 = "config.kit.api.problems.bad_request"
handler404 = "config.kit.api.problems.not_found"
handler500 = "config.kit.api.problems.server_error"
