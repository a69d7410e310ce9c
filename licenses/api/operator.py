"""The License Operator's own paths (E2, E22), so that an existing storefront can switch over."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.idempotency import idempotent
from config.kit.api.pagination import NumberedPage
from config.kit.api.permissions import MissingScope, Scope
from config.kit.api.views import ListOperation, Operation
from config.kit.errors import FieldError, Invalid
from licenses import listings, selectors
from licenses.api import examples
from licenses.api.fields import accept
from licenses.api.filters import GroupFilter
from licenses.api.issuances import download
from licenses.api.shapes import operator as shapes
from licenses.models import Channel, License
from licenses.services.artifacts import artifact_text
from licenses.services.ensuring import Ensured, license_ensure

TAGS = ["license operator"]


class LicenseEnsure(Operation):
    required_scope = Scope.LICENSES_ISSUE

    @extend_schema(
        operation_id="operator_issue",
        tags=TAGS,
        summary="Issue a license, or answer with the one that runs (E2)",
        description=(
            "201 with a new license; 200 with the text of the active one of the same group, product key and "
            "plan, whose terms stay as they are. `managedProducts` is the number of seats."
        ),
        request=shapes.EnsureInput,
        responses={
            (201, "text/plain"): OpenApiTypes.STR,
            (200, "text/plain"): OpenApiTypes.STR,
        },
        examples=[examples.ENSURE],
    )
    @idempotent
    def post(self, request: Request) -> HttpResponse:
        values = accept(shapes.EnsureInput, request)
        _refuse_past(values, self.at)
        product = selectors.product_by_key(values["productKey"])
        terms = {"expires_at": values.get("exp"), "seats": values.get("managedProducts")}
        ensured = license_ensure(
            account=listings.account_named(values["group"], self.principal, field="group"),
            plan=selectors.plan_by_code(product, values["plan"]),
            terms={name: value for name, value in terms.items() if value is not None},
            email=values.get("email", ""),
            domain=values.get("domain", ""),
            persist=values.get("persist"),
            origin=License.Origin.API,
            channel=Channel.API,
            actor=self.principal.actor,
            at=self.at,
        )
        return _plain(ensured)


def _refuse_past(values: dict[str, Any], at: Any) -> None:
    if values.get("exp") is not None and values["exp"] <= at:
        raise Invalid([FieldError("exp", "in_the_past", "The end must lie in the future.")])


def _plain(ensured: Ensured) -> HttpResponse:
    response = HttpResponse(
        ensured.issued.text.encode(),
        content_type="text/plain; charset=utf-8",
        status=status.HTTP_201_CREATED if ensured.created else status.HTTP_200_OK,
    )
    response.headers["Location"] = f"/authlance/license/{ensured.license.public_id}"
    return response


class GroupLicenses(ListOperation):
    required_scope = Scope.LICENSES_READ
    filterset_class = GroupFilter
    pagination_class = NumberedPage
    output = shapes.GroupLicenseOutput

    def rows(self) -> QuerySet[License]:
        return listings.group_licenses(self.kwargs["group"], self.principal)

    @extend_schema(
        operation_id="operator_group_licenses",
        tags=TAGS,
        summary="List the licenses of a group, newest first (E22)",
        description="403 `not_your_group` unless the caller is a member of the group or a sysadmin.",
        responses=shapes.GroupLicenseOutput(many=True),
        examples=[examples.GROUP_LICENSE],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class LicenseRetrieve(GroupLicenses):
    """One path for two things, told apart by what the identifier begins with."""

    @extend_schema(
        operation_id="operator_retrieve",
        tags=TAGS,
        summary="Retrieve a license by its id, or the licenses of a group by its name (E22)",
        description=(
            "An identifier that begins with `L-` gives the newest text of that license as a file, and asks for "
            "the scope `artifacts:read`; any other is the name of a group and gives its list. 403 "
            "`not_your_group` unless the caller is a member of the group or a sysadmin."
        ),
        responses={
            (200, "application/json"): shapes.OperatorAnswer,
            (200, "application/jwt"): OpenApiTypes.STR,
            (200, "text/plain"): OpenApiTypes.STR,
        },
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        identifier = str(self.kwargs["identifier"])
        if not identifier.startswith("L-"):
            self.kwargs["group"] = identifier
            return super().get(request, *args, **kwargs)
        if Scope.ARTIFACTS_READ not in self.principal.scopes:
            raise MissingScope(f"This needs the scope {Scope.ARTIFACTS_READ}.", scope=Scope.ARTIFACTS_READ)
        row = listings.newest_issuance(identifier, self.principal)
        return download(row, artifact_text(issuance=row, actor=self.principal.actor, at=self.at))
