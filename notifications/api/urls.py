"""Routes of this app, mounted under /api/v1/."""

from __future__ import annotations

from django.urls import path

from config.kit.api.routing import by_method
from notifications.api import webhooks

ENDPOINT = "webhook-endpoints/<uuid:uid>"
DELIVERY = f"{ENDPOINT}/deliveries/<uuid:delivery>"

urlpatterns = [
    path(
        "webhook-endpoints",
        by_method(get=webhooks.WebhookList, post=webhooks.WebhookCreate),
        name="webhook-endpoints",
    ),
    path(
        ENDPOINT,
        by_method(get=webhooks.WebhookRead, patch=webhooks.WebhookUpdate, delete=webhooks.WebhookDelete),
        name="webhook-endpoint",
    ),
    path(f"{ENDPOINT}/rotate", webhooks.WebhookRotate.as_view(), name="webhook-endpoint-rotate"),
    path(f"{ENDPOINT}/test", webhooks.WebhookTest.as_view(), name="webhook-endpoint-test"),
    path(f"{ENDPOINT}/replay", webhooks.WebhookReplay.as_view(), name="webhook-endpoint-replay"),
    path(f"{ENDPOINT}/deliveries", webhooks.DeliveryList.as_view(), name="webhook-deliveries"),
    path(DELIVERY, webhooks.DeliveryRead.as_view(), name="webhook-delivery"),
    path(f"{DELIVERY}/replay", webhooks.DeliveryReplay.as_view(), name="webhook-delivery-replay"),
]
