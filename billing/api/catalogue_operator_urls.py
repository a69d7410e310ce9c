"""Routes of the License Operator about the catalogue, mounted under /authlance/: the same views, its paths."""

from __future__ import annotations

from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.request import Request

from billing.api import catalogue, catalogue_admin
from billing.api.catalogue_urls import COUPON
from billing.api.naming import OPERATOR_TAGS
from billing.api.product_keys import ProductKeys
from config.kit.api.routing import by_method
from config.kit.api.views import Operation
from licenses.api import converters as converters  # noqa: PLC0414 - registers them
from licenses.gates import catalogue_guard

PRODUCTS = "license/admin/products"
PRODUCT = f"{PRODUCTS}/<code:slug>"


class _Guarded(Operation):
    """E27: the License Operator's admin routes answer 403 while our own license is not valid, reading ones too."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)  # who may not come here is told that first
        catalogue_guard(self.at)


def named(
    view: type[Operation], method: str, operation_id: str, *, mixins: tuple[type[Operation], ...] = ()
) -> type[Operation]:
    """The same operation with a name of its own in the schema, and the License Operator's tag."""
    again = type(f"Operator{view.__name__}", (*mixins, view), {})
    told: Any = extend_schema(operation_id=operation_id, tags=OPERATOR_TAGS)
    found: type[Operation] = extend_schema_view(**{method: told})(again)
    return found


def guarded(view: type[Operation], method: str, operation_id: str) -> type[Operation]:
    """As `named`, below `license/admin/`."""
    return named(view, method, operation_id, mixins=(_Guarded,))


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
    path("license/product-keys", ProductKeys.as_view(), name="operator-product-keys"),
    path(
        PRODUCTS,
        by_method(
            get=guarded(catalogue_admin.OfferKeptList, "get", "operator_admin_products"),
            post=guarded(catalogue_admin.OfferCreate, "post", "operator_admin_products_create"),
        ),
        name="operator-admin-products",
    ),
    path(
        f"{PRODUCTS}/seat-usage",
        guarded(catalogue_admin.SeatUsageRead, "get", "operator_seat_usage").as_view(),
        name="operator-seat-usage",
    ),
    path(
        PRODUCT,
        by_method(
            get=guarded(catalogue_admin.OfferRead, "get", "operator_admin_product"),
            put=guarded(catalogue_admin.OfferUpdate, "put", "operator_admin_products_update"),
        ),
        name="operator-admin-product",
    ),
    path(
        f"{PRODUCT}/coupons",
        by_method(
            get=guarded(catalogue_admin.CouponList, "get", "operator_coupons"),
            post=guarded(catalogue_admin.CouponCreate, "post", "operator_coupons_create"),
        ),
        name="operator-coupons",
    ),
    path(
        f"{PRODUCT}/coupons/{COUPON}",
        by_method(
            get=guarded(catalogue_admin.CouponRead, "get", "operator_coupon"),
            put=guarded(catalogue_admin.CouponUpdate, "put", "operator_coupons_update"),
            delete=guarded(catalogue_admin.CouponDelete, "delete", "operator_coupons_delete"),
        ),
        name="operator-coupon",
    ),
]
