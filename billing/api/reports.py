"""Reports of payments, as pages and as a file, and the verification of a license's payment (E30, E31)."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from django_filters.rest_framework import DjangoFilterBackend  # type: ignore[import-untyped] # ships no types
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import report_shapes as shapes
from billing.api.naming import OPERATOR_TAGS
from billing.api.payment_filters import PaymentFilter
from billing.models import Payment
from billing.selectors.payments import EXPORT, export_rows, licenses_of, payments_for, totals_of
from billing.services.verifying import payment_verify
from config.kit.api.permissions import Scope
from config.kit.api.views import ListOperation, Operation
from config.kit.csv import csv_stream
from config.kit.errors import FieldError, Invalid
from config.kit.exporting import export_pieces
from licenses.selectors import license_get

TAGS = ["reports"]
PAGE_SIZE, MOST_A_PAGE, LAST_PAGE = 50, 500, 1_000_000
PAGES = [
    OpenApiParameter("page", {"type": "integer", "minimum": 1, "maximum": LAST_PAGE, "default": 1}),
    OpenApiParameter(
        "pageSize", {"type": "integer", "minimum": 1, "maximum": MOST_A_PAGE, "default": PAGE_SIZE}
    ),
]
WHAT = (
    "Newest first. `from` and `to` are inclusive: RFC 3339 instants, or dates, which are whole days in UTC. "
    "Amounts are minor units of their currency."
)


class PaymentOperation(ListOperation):
    """The payments that the filters leave, for whoever asks."""

    required_scope = Scope.PAYMENTS_READ
    filterset_class = PaymentFilter
    pagination_class: Any = None
    page_names: ClassVar[tuple[str, ...]] = ()

    def rows(self) -> QuerySet[Payment]:
        return payments_for(self.principal)

    def filtered(self, request: Request) -> QuerySet[Payment]:
        """Raises Invalid (400) for a filter that cannot be used, or that nobody knows."""
        unknown = sorted(set(request.query_params) - {*self.page_names, *PaymentFilter.base_filters})[:20]
        if unknown:
            raise Invalid(
                [FieldError(name, "unknown_parameter", "There is no such parameter.") for name in unknown]
            )
        found: QuerySet[Payment] = DjangoFilterBackend().filter_queryset(request, self.rows(), self)
        return found


class PaymentReport(PaymentOperation):
    page_names = ("page", "pageSize")
    camel = False

    @extend_schema(
        operation_id="report_payments",
        tags=TAGS,
        summary="List payments, with totals of everything the filters leave (E30)",
        description=WHAT,
        parameters=PAGES,
        responses=shapes.ReportOutput,
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = _whole(request, "page", 1, LAST_PAGE)
        size = _whole(request, "pageSize", PAGE_SIZE, MOST_A_PAGE)
        rows = self.filtered(request)
        totals = totals_of(rows)
        shown = list(rows[(page - 1) * size : page * size])
        output: Any = shapes.PaymentOutput
        document = {
            "items": output(shown, many=True, context={"licenses": licenses_of(shown)}).data,
            "page": page,
            "page_size": size,
            "total": sum(line.count for line in totals),
            "totals": shapes.TotalsOutput(totals, many=True).data,
        }
        return Response(shapes.camel_document(document) if self.camel else document)


class PaymentExport(PaymentOperation):
    @extend_schema(
        operation_id="report_payments_export",
        tags=TAGS,
        summary="The same rows as a CSV file, of any length (E30)",
        description=f"{WHAT} A cell that a spreadsheet would take for a formula is led by an apostrophe.",
        responses={(200, "text/csv"): OpenApiTypes.STR},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override] # a stream
        rows = export_rows(self.filtered(request))
        return csv_stream(f"payments-{self.at:%Y-%m-%d}.csv", export_pieces(rows, EXPORT, str))


class PaymentVerify(Operation):
    required_scope = Scope.PAYMENTS_READ
    camel = False

    @extend_schema(
        operation_id="payment_verify",
        tags=TAGS,
        summary="Verify the payment of a license with Stripe (E31)",
        description=(
            "200 with a verdict whatever is found: `verified`, `no_payment`, `refunded`, `partially_refunded`, "
            "`disputed`, `charged_back`, `mismatch`, `not_paid`, and `unverified` when Stripe does not answer. "
            "404 for a license that is unknown or another group's."
        ),
        responses=shapes.VerificationOutput,
    )
    def get(self, request: Request, license_id: str) -> Response:
        row = license_get(license_id, self.principal)
        found = payment_verify(license=row, at=self.at)
        context = {"licenses": licenses_of(found.payments)}
        document = shapes.VerificationOutput(found, context=context).data
        return Response(shapes.camel_document(document) if self.camel else document)


def _whole(request: Request, name: str, default: int, most: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(most)) and 1 <= int(text) <= most):
        raise Invalid([FieldError(name, "invalid", f"A whole number from 1 to {most}.")])
    return int(text)


def _spoken(
    view: type[Operation], operation_id: str, answer: type[serializers.Serializer[Any]] | None = None
) -> type[Operation]:
    """The same operation under the License Operator's path, in its spelling."""
    told: dict[str, Any] = {"operation_id": operation_id, "tags": OPERATOR_TAGS}
    if answer is not None:
        told["responses"] = shapes.camel_shape(answer)
    named = type(f"Operator{view.__name__}", (view,), {"camel": True})
    found: type[Operation] = extend_schema_view(get=extend_schema(**told))(named)
    return found


OperatorReport = _spoken(PaymentReport, "operator_report_payments", shapes.ReportOutput)
OperatorExport = _spoken(PaymentExport, "operator_report_payments_export")
OperatorVerify = _spoken(PaymentVerify, "operator_verify_payment", shapes.VerificationOutput)
OperatorVerifyAlias = _spoken(PaymentVerify, "operator_verify_payment_alias", shapes.VerificationOutput)
