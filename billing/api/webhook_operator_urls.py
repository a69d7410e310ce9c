"""The webhook under the License Operator's path, mounted under /authlance/; answered before it comes here."""

from __future__ import annotations

from django.urls import path

from billing.api.webhook import webhook

urlpatterns = [path("license/stripe/webhook", webhook, name="operator-stripe-webhook")]
