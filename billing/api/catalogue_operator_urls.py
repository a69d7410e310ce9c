"""Routes of the License Operator about the catalogue, mounted under /authlance/: the same views, its paths."""

from __future__ import annotations

from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema, extend_schema_view

from billing.api import catalogue, catalogue_admin
from billing.api.catalogue_urls import COUPON
from billing.api.naming import OPERATOR_TAGS
from config.kit.api.routing import by_method
from config.kit.api.views import Operation
from licenses.api import converters as converters  # noqa: PLC0414 - registers them

PRODUCTS = "license/admin/products"
PRODUCT = f"{PRODUCTS}/<code:slug>"


def named(view: type[Operation], method: str, operation_id: str) -> type[Operation]:
    """The same operation with a name of its own in the schema, and the License Operator's tag."""
    again = type(f"Operator{view.__name__}", (view,), {})
    told: Any = extend_schema(operation_id=operation_id, tags=OPERATOR_TAGS)
    found: type[Operation] = extend_schema_view(**{method: told})(again)
    return found


urlpatterns = [
    path(
        "license/product",
        named(catalogue.OfferDefault, "get", "operator_product").as_view(),
        name="operator-product",
    ),
    path(
        "license/products",
        named(catalogue.OfferList, "get", "operator_products").as_view(),
        name="operator-products",
    ),
    path(
        "license/payments/product-details",
        named(catalogue.OfferDetails, "post", "operator_product_details").as_view(),
        name="operator-product-details",
    ),
    path(
        PRODUCTS,
        by_method(
            get=named(catalogue_admin.OfferKeptList, "get", "operator_admin_products"),
            post=named(catalogue_admin.OfferCreate, "post", "operator_admin_products_create"),
        ),
        name="operator-admin-products",
    ),
    path(
        f"{PRODUCTS}/seat-usage",
        named(catalogue_admin.SeatUsageRead, "get", "operator_seat_usage").as_view(),
        name="operator-seat-usage",
    ),
    path(
        PRODUCT,
        by_method(
            get=named(catalogue_admin.OfferRead, "get", "operator_admin_product"),
            put=named(catalogue_admin.OfferUpdate, "put", "operator_admin_products_update"),
        ),
        name="operator-admin-product",
    ),
    path(
        f"{PRODUCT}/coupons",
        by_method(
            get=named(catalogue_admin.CouponList, "get", "operator_coupons"),
            post=named(catalogue_admin.CouponCreate, "post", "operator_coupons_create"),
        ),
        name="operator-coupons",
    ),
    path(
        f"{PRODUCT}/coupons/{COUPON}",
        by_method(
            get=named(catalogue_admin.CouponRead, "get", "operator_coupon"),
            put=named(catalogue_admin.CouponUpdate, "put", "operator_coupons_update"),
            delete=named(catalogue_admin.CouponDelete, "delete", "operator_coupons_delete"),
        ),
        name="operator-coupon",
    ),
]
