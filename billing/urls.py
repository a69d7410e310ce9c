"""Routes of the pages that buyers return to, mounted at the root."""

from __future__ import annotations

from django.urls import path

from billing import pages

urlpatterns = [
    path("checkout/done", pages.done, name="checkout-done"),
    path("checkout/cancelled", pages.cancelled, name="checkout-cancelled"),
]
