"""Routes of the License Operator about payments: the same views, its paths and its spelling."""

from __future__ import annotations

from django.urls import path

from billing.api import reports
from licenses.api import converters as converters  # noqa: PLC0414 - registers them

PAYMENTS = "authlance/license/payments/api/v1"

urlpatterns = [
    path(f"{PAYMENTS}/reports/payments", reports.OperatorReport.as_view(), name="operator-report-payments"),
    path(
        f"{PAYMENTS}/reports/payments/export",
        reports.OperatorExport.as_view(),
        name="operator-report-payments-export",
    ),
    path(
        f"{PAYMENTS}/verify-payment/<identifier:license_id>",
        reports.OperatorVerify.as_view(),
        name="operator-verify-payment",
    ),
    path(
        "licenseoperator/verify-payment/<identifier:license_id>",
        reports.OperatorVerifyAlias.as_view(),
        name="licenseoperator-verify-payment",
    ),
]
