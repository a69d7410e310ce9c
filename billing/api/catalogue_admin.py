"""Products and their coupons as the keepers of the catalogue see and change them (E8, E9, E12, E26)."""

from __future__ import annotations

from typing import Any

import django_filters  # type: ignore[import-untyped] # ships no types
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.idempotency import idempotent
from accounts.selectors import demand_back_office
from billing.api import catalogue_examples as examples
from billing.api import catalogue_shapes as shapes
from billing.entries import coupon_fields, offer_fields
from billing.errors import UnknownOffer
from billing.models import Coupon, Offer
from billing.selectors import catalogue
from billing.selectors.seats import seat_usage
from billing.services.coupons import coupon_create, coupon_delete, coupon_update
from billing.services.offers import offer_create, offer_update
from config.kit.api.inspector import listed
from config.kit.api.pagination import NumberedPage
from config.kit.api.permissions import Scope
from config.kit.api.principals import Principal
from config.kit.api.views import ListOperation, Operation
from config.kit.errors import Forbidden
from licenses.api.fields import accept

TAGS = ["offers"]


class SysadminOnly(Forbidden):
    code = "sysadmin_only"
    title = "Internal products are for the role sysadmin."


def offer_for(slug: str, principal: Principal) -> Offer:
    """An offer as this caller may see it: internal ones are there for sysadmins only."""
    row = catalogue.offer_get(slug)
    if row.internal and not principal.is_sysadmin:
        raise UnknownOffer(f"There is no product {slug[:63]}.")
    return row


def _refuse_internal(values: dict[str, Any], principal: Principal) -> None:
    if values.get("internal") and not principal.is_sysadmin:
        raise SysadminOnly


class OfferFilter(django_filters.FilterSet):  # type: ignore[misc] # as above
    """What else than active products for everybody is wanted; each is false unless it is said."""

    includeInactive = django_filters.BooleanFilter(method="as_it_is", label="Also what is switched off.")  # noqa: N815 - the License Operator's spelling, as `pageSize`
    includeInternal = django_filters.BooleanFilter(  # noqa: N815 - as above
        method="as_it_is", label="Also internal products. For the role sysadmin."
    )

    class Meta:
        model = Offer
        fields: list[str] = []

    def as_it_is(self, queryset: QuerySet[Offer], _name: str, _value: bool) -> QuerySet[Offer]:  # noqa: FBT001 - the signature of django-filter
        return queryset

    def filter_queryset(self, queryset: QuerySet[Offer]) -> QuerySet[Offer]:
        wanted = self.form.cleaned_data
        if not wanted["includeInactive"]:
            queryset = queryset.filter(active=True)
        return queryset if wanted["includeInternal"] else queryset.filter(internal=False)


@listed(
    operation_id="offers_kept",
    tags=TAGS,
    summary="List the catalogue for its keepers (E8)",
    description="403 `sysadmin_only` for `includeInternal` without the role sysadmin.",
    responses=shapes.OfferOutput(many=True),
    examples=[examples.OFFER_KEPT],
)
class OfferKeptList(ListOperation):
    required_scope = Scope.CATALOGUE_READ
    filterset_class = OfferFilter
    pagination_class = NumberedPage
    output = shapes.OfferOutput

    def rows(self) -> QuerySet[Offer]:
        asked = self.request.query_params.get("includeInternal", "")
        if asked.lower() not in {"", "false", "0"} and not self.principal.is_sysadmin:
            raise SysadminOnly
        return catalogue.offers_of_office()


class OfferCreate(Operation):
    required_scope = Scope.CATALOGUE_WRITE

    @extend_schema(
        operation_id="offers_create",
        tags=TAGS,
        summary="Add a product to the catalogue, with price steps, components and coupons (E9, E11)",
        description=(
            "All or nothing. 409 `exists` for a slug, lookup key or code that is taken, 409 "
            "`seat_limit_exceeded` when your own license has no seat for another active product (E26). Names "
            "may be spelt `lookupKey` as well as `lookup_key`."
        ),
        request=shapes.OfferCreateInput,
        responses={201: shapes.OfferOutput},
        examples=[examples.OFFER_CREATE, examples.OFFER_KEPT],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        demand_back_office(self.principal)
        values = accept(shapes.OfferCreateInput, request)
        _refuse_internal(values, self.principal)
        fields = offer_fields(values, slug=values["slug"])
        row = offer_create(**fields, actor=self.principal.actor, at=self.at)
        told = shapes.OfferOutput(catalogue.offer_get(row.slug)).data
        return Response(told, status=status.HTTP_201_CREATED)


class OfferRead(Operation):
    required_scope = Scope.CATALOGUE_READ

    @extend_schema(
        operation_id="offers_read",
        tags=TAGS,
        summary="Read one product of the catalogue",
        responses=shapes.OfferOutput,
        examples=[examples.OFFER_KEPT],
    )
    def get(self, request: Request, slug: str) -> Response:
        return Response(shapes.OfferOutput(offer_for(slug, self.principal)).data)


class OfferUpdate(Operation):
    required_scope = Scope.CATALOGUE_WRITE

    @extend_schema(
        operation_id="offers_update",
        tags=TAGS,
        summary="Change a product for the purchases still to come (E9)",
        description=(
            "What is not given stays; `tiers` and `components` are replaced as a whole. 409 `below_units_held` "
            "when `max_license_total` would fall below what is sold or on its way, 409 `fixed_once_sold`, 409 "
            "`config_managed` for what the catalogue file keeps."
        ),
        request=shapes.OfferUpdateInput,
        responses=shapes.OfferOutput,
        examples=[examples.OFFER_UPDATE, examples.OFFER_KEPT],
    )
    def put(self, request: Request, slug: str) -> Response:
        demand_back_office(self.principal)
        offer = offer_for(slug, self.principal)
        values = accept(shapes.OfferUpdateInput, request)
        _refuse_internal(values, self.principal)
        fields = offer_fields(values, slug=slug)
        offer_update(offer=offer, **fields, actor=self.principal.actor, at=self.at)
        return Response(shapes.OfferOutput(catalogue.offer_get(slug)).data)


class SeatUsageRead(Operation):
    required_scope = Scope.CATALOGUE_READ

    @extend_schema(
        operation_id="seat_usage",
        tags=TAGS,
        summary="Say how many seats of your own license the active products take (E26)",
        responses=shapes.SeatUsageOutput,
        examples=[examples.SEAT_USAGE],
    )
    def get(self, request: Request) -> Response:
        return Response(shapes.SeatUsageOutput(seat_usage()).data)


@listed(
    operation_id="coupons_list",
    tags=TAGS,
    summary="List the coupons of a product (E12)",
    responses=shapes.CouponOutput(many=True),
    examples=[examples.COUPON],
)
class CouponList(ListOperation):
    required_scope = Scope.CATALOGUE_READ
    filter_backends = ()
    pagination_class = NumberedPage
    output = shapes.CouponOutput

    def rows(self) -> QuerySet[Coupon]:
        return catalogue.coupons_of(offer_for(self.kwargs["slug"], self.principal)).order_by("code")


class CouponCreate(Operation):
    required_scope = Scope.CATALOGUE_WRITE

    @extend_schema(
        operation_id="coupons_create",
        tags=TAGS,
        summary="Add a coupon for a product (E12)",
        request=shapes.CouponCreateInput,
        responses={201: shapes.CouponOutput},
        examples=[examples.COUPON_CREATE, examples.COUPON],
    )
    @idempotent
    def post(self, request: Request, slug: str) -> Response:
        demand_back_office(self.principal)
        offer = offer_for(slug, self.principal)
        fields = coupon_fields(accept(shapes.CouponCreateInput, request))
        row = coupon_create(**{**fields, "offers": [offer]}, actor=self.principal.actor, at=self.at)
        told = shapes.CouponOutput(catalogue.coupon_of(offer, row.code)).data
        return Response(told, status=status.HTTP_201_CREATED)


class CouponRead(Operation):
    required_scope = Scope.CATALOGUE_READ

    @extend_schema(
        operation_id="coupons_read",
        tags=TAGS,
        summary="Read one coupon of a product",
        responses=shapes.CouponOutput,
        examples=[examples.COUPON],
    )
    def get(self, request: Request, slug: str, coupon: str) -> Response:
        return Response(
            shapes.CouponOutput(catalogue.coupon_of(offer_for(slug, self.principal), coupon)).data
        )


class CouponUpdate(Operation):
    required_scope = Scope.CATALOGUE_WRITE

    @extend_schema(
        operation_id="coupons_update",
        tags=TAGS,
        summary="Change a coupon for the uses still to come (E12)",
        description="What is not given stays. 409 `fixed_once_sold`: what a used coupon takes off stays.",
        request=shapes.CouponUpdateInput,
        responses=shapes.CouponOutput,
        examples=[examples.COUPON_UPDATE, examples.COUPON],
    )
    def put(self, request: Request, slug: str, coupon: str) -> Response:
        demand_back_office(self.principal)
        offer = offer_for(slug, self.principal)
        row = catalogue.coupon_of(offer, coupon)
        fields = coupon_fields(accept(shapes.CouponUpdateInput, request))
        coupon_update(coupon=row, **fields, actor=self.principal.actor, at=self.at)
        return Response(shapes.CouponOutput(catalogue.coupon_of(offer, coupon)).data)


class CouponDelete(Operation):
    required_scope = Scope.CATALOGUE_WRITE

    @extend_schema(
        operation_id="coupons_delete",
        tags=TAGS,
        summary="Delete a coupon that nobody has used (E12)",
        description="409 `coupon_used` when there are redemptions: then switch it off (C26).",
        responses={204: None},
    )
    def delete(self, request: Request, slug: str, coupon: str) -> Response:
        demand_back_office(self.principal)
        row = catalogue.coupon_of(offer_for(slug, self.principal), coupon)
        coupon_delete(coupon=row, actor=self.principal.actor, at=self.at)
        return Response(status=status.HTTP_204_NO_CONTENT)
