"""The public catalogue: what storefronts show and look up (E7). No credential, cacheable, nothing private."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import catalogue_examples as examples
from billing.api import catalogue_shapes as shapes
from billing.models import Offer
from billing.selectors import catalogue
from billing.terms import quote_of
from config.kit.api.permissions import PUBLIC
from config.kit.api.views import Operation
from licenses.api.fields import accept
from licenses.api.well_known import cached

TAGS = ["offers"]
MOST_OFFERS = 1000
MAX_AGE = 60
"""Seconds for which a storefront may show what it read; a checkout asks the catalogue itself."""


def document(request: Request, told: Any) -> HttpResponse:
    return cached(request, JSONRenderer().render(told), "application/json", max_age=MAX_AGE)


class OfferDefault(Operation):
    required_scope = PUBLIC
    authentication_classes = ()

    @extend_schema(
        operation_id="offers_default",
        tags=TAGS,
        summary="Read what is sold when nothing is named (E7)",
        description="The default subscription, else the default one-off product, else the first on sale.",
        responses={200: shapes.OfferPublicOutput, 304: None},
        examples=[examples.OFFER],
    )
    def get(self, request: Request) -> HttpResponse:
        return document(request, shapes.OfferPublicOutput(catalogue.default_offer(internal=False)).data)


class OfferList(Operation):
    required_scope = PUBLIC
    authentication_classes = ()

    @extend_schema(
        operation_id="offers_list",
        tags=TAGS,
        summary="List what is on sale, with features, coupons and price steps (E7)",
        description=(
            "In the order of the price table; internal products are left out. Of a coupon anybody reads code, "
            "state and bounds only. `ETag` and `Cache-Control` let a storefront keep it for a minute."
        ),
        responses={200: shapes.OfferPublicOutput(many=True), 304: None},
        filters=False,
        examples=[examples.OFFERS],
    )
    def get(self, request: Request) -> HttpResponse:
        rows: Any = catalogue.offers_on_sale()[:MOST_OFFERS]
        return document(request, shapes.OfferPublicOutput(rows, many=True).data)


class OfferDetails(Operation):
    required_scope = PUBLIC
    authentication_classes = ()

    @extend_schema(
        operation_id="offers_details",
        tags=TAGS,
        summary="Look a product up by its lookup key, and price it (E7, E10)",
        description=(
            "400 without `lookup_key`, 404 `unknown_product` for one that nothing on sale has. With "
            "`managed_products` the answer says what that many cost by our catalogue, before tax and coupon."
        ),
        request=shapes.ProductDetailsInput,
        responses=shapes.ProductDetailsOutput,
        examples=[examples.DETAILS_ASKED, examples.DETAILS],
    )
    def post(self, request: Request) -> Response:
        values = accept(shapes.ProductDetailsInput, request)
        row = catalogue.offer_by_lookup_key(values["lookup_key"], on_sale=True, internal=False)
        return Response(shapes.ProductDetailsOutput(row, context={"quote": _quote(row, values)}).data)


def _quote(row: Offer, values: dict[str, Any]) -> dict[str, Any] | None:
    wanted = values.get("managed_products")
    return None if wanted is None else quote_of(row, managed_products=wanted).to_json()
