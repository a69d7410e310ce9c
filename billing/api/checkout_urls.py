"""Routes of orders, mounted under /api/v1/."""

from __future__ import annotations

from django.urls import path

from billing.api import checkouts, tier_changes
from licenses.api import converters as converters  # noqa: PLC0414 - registers them

LICENSE = "licenses/<license_id:license_id>"

urlpatterns = [
    path("checkout-session", checkouts.CheckoutCreate.as_view(), name="checkout-create"),
    path("checkout-session/<uuid:uid>", checkouts.CheckoutRead.as_view(), name="checkout"),
    path("maintenance-checkout", checkouts.MaintenanceCheckoutCreate.as_view(), name="maintenance-checkout"),
    path("customer-portal", checkouts.PortalCreate.as_view(), name="customer-portal"),
    path("session-id", checkouts.SubscriptionOfSession.as_view(), name="session-subscription"),
    path(f"{LICENSE}/tier-quote", tier_changes.TierQuote.as_view(), name="tier-quote"),
    path(f"{LICENSE}/tier-changes", tier_changes.TierChangeCreate.as_view(), name="tier-changes"),
    path(
        "tier-changes/<uuid:uid>/cancel", tier_changes.TierChangeCancel.as_view(), name="tier-change-cancel"
    ),
]
