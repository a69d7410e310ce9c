"""Operations on products, plans and presets."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.idempotency import idempotent
from accounts.selectors import demand_back_office
from config.kit.api.inspector import listed
from config.kit.api.pagination import CursorPage
from config.kit.api.permissions import Scope
from config.kit.api.views import ListOperation, Operation
from licenses import listings
from licenses.api import examples
from licenses.api.fields import accept
from licenses.api.filters import PlanFilter, ProductFilter
from licenses.api.shapes import catalogue as shapes
from licenses.models import Plan, Preset, Product
from licenses.services.catalogue import plan_create, plan_update, product_create, product_update

TAGS = ["catalogue"]


@listed(
    operation_id="products_list",
    tags=TAGS,
    summary="List the products, newest first",
    responses=shapes.ProductOutput(many=True),
    examples=[examples.PRODUCT],
)
class ProductList(ListOperation):
    required_scope = Scope.CATALOGUE_READ
    filterset_class = ProductFilter
    output = shapes.ProductOutput

    def rows(self) -> QuerySet[Product]:
        return listings.products()


class ProductCreate(Operation):
    required_scope = Scope.CATALOGUE_WRITE

    @extend_schema(
        operation_id="products_create",
        tags=TAGS,
        summary="Add a product",
        request=shapes.ProductCreateInput,
        responses={201: shapes.ProductOutput},
        examples=[examples.PRODUCT_CREATE, examples.PRODUCT],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        demand_back_office(self.principal)
        values = accept(shapes.ProductCreateInput, request)
        row = product_create(**values, actor=self.principal.actor, at=self.at)
        return Response(shapes.ProductOutput(row).data, status=status.HTTP_201_CREATED)


class ProductRead(Operation):
    required_scope = Scope.CATALOGUE_READ

    @extend_schema(
        operation_id="products_read",
        tags=TAGS,
        summary="Read one product",
        responses=shapes.ProductOutput,
        examples=[examples.PRODUCT],
    )
    def get(self, request: Request, product_key: str) -> Response:
        return Response(shapes.ProductOutput(listings.product_get(product_key)).data)


class ProductUpdate(Operation):
    required_scope = Scope.CATALOGUE_WRITE

    @extend_schema(
        operation_id="products_update",
        tags=TAGS,
        summary="Change a product",
        description="Its key and audience stand in issued licenses and stay.",
        request=shapes.ProductUpdateInput,
        responses=shapes.ProductOutput,
        examples=[examples.PRODUCT],
    )
    def patch(self, request: Request, product_key: str) -> Response:
        demand_back_office(self.principal)
        row = product_update(
            product=listings.product_get(product_key),
            **accept(shapes.ProductUpdateInput, request),
            actor=self.principal.actor,
            at=self.at,
        )
        return Response(shapes.ProductOutput(row).data)


@listed(
    operation_id="plans_list",
    tags=TAGS,
    summary="List the plans of a product, newest first",
    responses=shapes.PlanOutput(many=True),
    examples=[examples.PLAN],
)
class PlanList(ListOperation):
    required_scope = Scope.CATALOGUE_READ
    filterset_class = PlanFilter
    output = shapes.PlanOutput

    def rows(self) -> QuerySet[Plan]:
        return listings.plans_of(listings.product_get(self.kwargs["product_key"]))


def _fields(values: dict[str, Any]) -> dict[str, Any]:
    """The API says `code` as tokens do; the table says `slug`."""
    return {"slug" if name == "code" else name: value for name, value in values.items()}


class PlanCreate(Operation):
    required_scope = Scope.CATALOGUE_WRITE

    @extend_schema(
        operation_id="plans_create",
        tags=TAGS,
        summary="Add a plan to a product",
        request=shapes.PlanCreateInput,
        responses={201: shapes.PlanOutput},
        examples=[examples.PLAN_CREATE, examples.PLAN],
    )
    @idempotent
    def post(self, request: Request, product_key: str) -> Response:
        demand_back_office(self.principal)
        values = accept(shapes.PlanCreateInput, request)
        product = listings.product_get(product_key)
        row = plan_create(product=product, **_fields(values), actor=self.principal.actor, at=self.at)
        return Response(shapes.PlanOutput(row).data, status=status.HTTP_201_CREATED)


class PlanRead(Operation):
    required_scope = Scope.CATALOGUE_READ

    @extend_schema(
        operation_id="plans_read",
        tags=TAGS,
        summary="Read one plan",
        responses=shapes.PlanOutput,
        examples=[examples.PLAN],
    )
    def get(self, request: Request, product_key: str, code: str) -> Response:
        return Response(shapes.PlanOutput(listings.plan_get(product_key, code)).data)


class PlanUpdate(Operation):
    required_scope = Scope.CATALOGUE_WRITE

    @extend_schema(
        operation_id="plans_update",
        tags=TAGS,
        summary="Change a plan for licenses cut from now on",
        request=shapes.PlanUpdateInput,
        responses=shapes.PlanOutput,
        examples=[examples.PLAN],
    )
    def patch(self, request: Request, product_key: str, code: str) -> Response:
        demand_back_office(self.principal)
        row = plan_update(
            plan=listings.plan_get(product_key, code),
            **accept(shapes.PlanUpdateInput, request),
            actor=self.principal.actor,
            at=self.at,
        )
        return Response(shapes.PlanOutput(row).data)


class PresetPage(CursorPage):
    ordering = ("position", "name")


@listed(
    operation_id="presets_list",
    tags=TAGS,
    summary="List the quick-generate presets in the order of their buttons",
    responses=shapes.PresetOutput(many=True),
    examples=[examples.PRESET],
)
class PresetList(ListOperation):
    required_scope = Scope.CATALOGUE_READ
    pagination_class = PresetPage
    filter_backends = ()
    output = shapes.PresetOutput

    def rows(self) -> QuerySet[Preset]:
        return listings.presets()
