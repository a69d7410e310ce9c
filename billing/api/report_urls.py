"""Routes of reports, mounted under /api/v1/."""

from __future__ import annotations

from django.urls import path

from billing.api import reports
from licenses.api import converters as converters  # noqa: PLC0414 - registers them

urlpatterns = [
    path("reports/payments", reports.PaymentReport.as_view(), name="report-payments"),
    path("reports/payments/export", reports.PaymentExport.as_view(), name="report-payments-export"),
    path("verify-payment/<identifier:license_id>", reports.PaymentVerify.as_view(), name="verify-payment"),
]
