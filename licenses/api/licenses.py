"""Operations on licenses: list, create, read, change, and every step of their life."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.idempotency import idempotent
from config.kit.api.inspector import listed
from config.kit.api.permissions import Scope
from config.kit.api.views import ListOperation, Operation
from licenses import listings, selectors
from licenses.api import examples
from licenses.api.fields import accept
from licenses.api.filters import LicenseFilter
from licenses.api.shapes import licenses as shapes
from licenses.models import Channel, License
from licenses.services.issuing import license_grant, license_issue, license_reissue
from licenses.services.lifecycle import license_reinstate, license_revoke, license_suspend
from licenses.services.renewing import license_renew
from licenses.services.signing import Issued

TAGS = ["licenses"]


def rendered(issued: Issued) -> dict[str, Any]:
    """What an operation answers that has signed something."""
    return {
        "license": shapes.LicenseOutput(issued.issuance.license).data,
        "issuance": shapes.IssuanceOutput(issued.issuance).data,
        "text": issued.text,
    }


@listed(
    operation_id="licenses_list",
    tags=TAGS,
    summary="List the licenses that you may see, newest first",
    responses=shapes.LicenseOutput(many=True),
    examples=[examples.LICENSE],
)
class LicenseList(ListOperation):
    required_scope = Scope.LICENSES_READ
    filterset_class = LicenseFilter
    output = shapes.LicenseOutput

    def rows(self) -> QuerySet[License]:
        return selectors.licenses_for(self.principal)


class LicenseCreate(Operation):
    required_scope = Scope.LICENSES_ISSUE

    @extend_schema(
        operation_id="licenses_create",
        tags=TAGS,
        summary="Cut a license from a plan and sign it",
        description="Both or neither. What the body leaves out is the plan's.",
        request=shapes.LicenseCreateInput,
        responses={201: shapes.IssuedOutput},
        examples=[examples.CREATE, examples.ISSUED],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        values = accept(shapes.LicenseCreateInput, request)
        account = listings.account_named(values.pop("account"), self.principal, field="account")
        product = selectors.product_by_key(values.pop("product_key"))
        plan = selectors.plan_by_code(product, values.pop("plan"))
        granted = license_grant(
            account=account,
            plan=plan,
            terms=shapes.terms_of(values),
            **values,
            origin=License.Origin.API,
            channel=Channel.API,
            actor=self.principal.actor,
            at=self.at,
        )
        return Response(rendered(granted.issued), status=status.HTTP_201_CREATED)


class LicenseRead(Operation):
    required_scope = Scope.LICENSES_READ

    @extend_schema(
        operation_id="licenses_read",
        tags=TAGS,
        summary="Read one license",
        responses=shapes.LicenseOutput,
        examples=[examples.LICENSE],
    )
    def get(self, request: Request, license_id: str) -> Response:
        row = selectors.license_get(license_id, self.principal)
        return Response(shapes.LicenseOutput(row).data)


class LicenseUpdate(Operation):
    required_scope = Scope.LICENSES_ISSUE

    @extend_schema(
        operation_id="licenses_update",
        tags=TAGS,
        summary="Change terms of a license and sign it anew",
        description="Issued snapshots stay as they are (E24). The end moves by renewing only.",
        request=shapes.LicenseUpdateInput,
        responses=shapes.IssuedOutput,
        examples=[examples.UPDATE, examples.ISSUED],
    )
    @idempotent
    def patch(self, request: Request, license_id: str) -> Response:
        values = accept(shapes.LicenseUpdateInput, request)
        issued = license_reissue(
            license=selectors.license_get(license_id, self.principal),
            changes=shapes.terms_of(values),
            **values,
            channel=Channel.API,
            actor=self.principal.actor,
            at=self.at,
        )
        return Response(rendered(issued))


class LicenseIssue(Operation):
    required_scope = Scope.LICENSES_ISSUE

    @extend_schema(
        operation_id="licenses_issue",
        tags=TAGS,
        summary="Sign a fresh snapshot of a license",
        request=shapes.IssueInput,
        responses={201: shapes.IssuedOutput},
        examples=[examples.ISSUED],
    )
    @idempotent
    def post(self, request: Request, license_id: str) -> Response:
        issued = license_issue(
            license=selectors.license_get(license_id, self.principal),
            **accept(shapes.IssueInput, request),
            channel=Channel.API,
            actor=self.principal.actor,
            at=self.at,
        )
        return Response(rendered(issued), status=status.HTTP_201_CREATED)


class LicenseRenew(Operation):
    required_scope = Scope.LICENSES_RENEW

    @extend_schema(
        operation_id="licenses_renew",
        tags=TAGS,
        summary="Move the end of a license and sign it anew",
        description="Give exactly one of `until`, `months` and `days` (A26).",
        request=shapes.RenewInput,
        responses={201: shapes.RenewedOutput},
        examples=[examples.RENEW, examples.RENEWED],
    )
    @idempotent
    def post(self, request: Request, license_id: str) -> Response:
        renewed = license_renew(
            license=selectors.license_get(license_id, self.principal),
            **accept(shapes.RenewInput, request),
            channel=Channel.API,
            actor=self.principal.actor,
            at=self.at,
        )
        renewal = shapes.RenewalOutput(renewed.renewal).data
        return Response({**rendered(renewed.issued), "renewal": renewal}, status=status.HTTP_201_CREATED)


class LicenseSuspend(Operation):
    required_scope = Scope.LICENSES_REVOKE

    @extend_schema(
        operation_id="licenses_suspend",
        tags=TAGS,
        summary="Suspend a license until it is reinstated",
        request=shapes.ReasonInput,
        responses=shapes.LicenseOutput,
        examples=[examples.REASON],
    )
    def post(self, request: Request, license_id: str) -> Response:
        row = license_suspend(
            license=selectors.license_get(license_id, self.principal),
            **accept(shapes.ReasonInput, request),
            actor=self.principal.actor,
            at=self.at,
        )
        return Response(shapes.LicenseOutput(row).data)


class LicenseReinstate(Operation):
    required_scope = Scope.LICENSES_REVOKE

    @extend_schema(
        operation_id="licenses_reinstate",
        tags=TAGS,
        summary="Take a suspension back",
        request=shapes.OptionalReasonInput,
        responses=shapes.LicenseOutput,
        examples=[examples.LICENSE],
    )
    def post(self, request: Request, license_id: str) -> Response:
        row = license_reinstate(
            license=selectors.license_get(license_id, self.principal),
            **accept(shapes.OptionalReasonInput, request),
            actor=self.principal.actor,
            at=self.at,
        )
        return Response(shapes.LicenseOutput(row).data)


class LicenseRevoke(Operation):
    required_scope = Scope.LICENSES_REVOKE

    @extend_schema(
        operation_id="licenses_revoke",
        tags=TAGS,
        summary="Revoke a license for good",
        description=(
            "Online validation says `revoked` at once; tokens that are out keep validating offline until "
            "their `exp` (A27). A second call answers 409 `already_revoked` and changes nothing."
        ),
        request=shapes.ReasonInput,
        responses=shapes.LicenseOutput,
        examples=[examples.REASON],
    )
    def post(self, request: Request, license_id: str) -> Response:
        row = license_revoke(
            license=selectors.license_get(license_id, self.principal),
            **accept(shapes.ReasonInput, request),
            actor=self.principal.actor,
            at=self.at,
        )
        return Response(shapes.LicenseOutput(row).data)
