"""The License Operator's list of product keys (E6): how each is sold, and never anything of a key."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import catalogue_examples as examples
from billing.api.naming import OPERATOR_TAGS
from billing.domain.enums import OfferType, Pricing
from billing.selectors import catalogue
from config.kit.api.permissions import Scope
from config.kit.api.views import Operation
from licenses.models import Product

MOST_PRODUCTS = 1000


class ProductKeyOutput(serializers.Serializer[Product]):
    productKey = serializers.CharField(source="product_key")  # noqa: N815 - the operator's name
    productType = serializers.ChoiceField(choices=list(OfferType), source="product_type")  # noqa: N815 - as above
    priceMode = serializers.ChoiceField(choices=list(Pricing), source="price_mode")  # noqa: N815 - as above


class ProductKeys(Operation):
    required_scope = Scope.CATALOGUE_READ

    @extend_schema(
        operation_id="operator_product_keys",
        tags=OPERATOR_TAGS,
        summary="List product keys with product type and price mode (E6)",
        description=(
            "As the active offers of the product say: one subscription or one tiered price among them tells. "
            "Without offers the product's plans say whether it is a subscription."
        ),
        responses=ProductKeyOutput(many=True),
        filters=False,
        examples=[examples.PRODUCT_KEY],
    )
    def get(self, request: Request) -> Response:
        rows: Any = catalogue.products_sold()[:MOST_PRODUCTS]
        return Response(ProductKeyOutput(rows, many=True).data)
