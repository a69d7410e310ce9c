"""Routes of the License Operator about orders, mounted under /authlance/."""

from __future__ import annotations

from django.urls import path

from billing.api import checkouts

PAYMENTS = "license/payments/api/v1"

urlpatterns = [
    path(
        f"{PAYMENTS}/checkout-session", checkouts.OperatorCheckout.as_view(), name="operator-checkout-session"
    ),
    path(f"{PAYMENTS}/customer-portal", checkouts.OperatorPortal.as_view(), name="operator-customer-portal"),
    path(f"{PAYMENTS}/session-id", checkouts.OperatorSession.as_view(), name="operator-session-id"),
    path(
        f"{PAYMENTS}/maintenance-checkout",
        checkouts.OperatorMaintenance.as_view(),
        name="operator-maintenance-checkout",
    ),
]
