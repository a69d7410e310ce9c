"""The webhook's routes that are not answered ahead of the middleware, mounted under /api/v1/."""

from __future__ import annotations

from django.urls import path

from billing.api.webhook import merchant_webhook

urlpatterns = [path("stripe/webhook/<slug:merchant>", merchant_webhook, name="stripe-webhook-merchant")]
