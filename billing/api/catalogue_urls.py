"""Routes of the catalogue, mounted under /api/v1/."""

from __future__ import annotations

from django.urls import path

from billing.api import catalogue, catalogue_admin
from config.kit.api.routing import by_method
from licenses.api import converters as converters  # noqa: PLC0414 - registers them

OFFER = "admin/offers/<code:slug>"
COUPON = "<coupon_code:coupon>"

urlpatterns = [
    path("offers", catalogue.OfferList.as_view(), name="offers"),
    path("offers/default", catalogue.OfferDefault.as_view(), name="offer-default"),
    path("offers/details", catalogue.OfferDetails.as_view(), name="offer-details"),
    path(
        "admin/offers",
        by_method(get=catalogue_admin.OfferKeptList, post=catalogue_admin.OfferCreate),
        name="offers-kept",
    ),
    path("admin/offers/seat-usage", catalogue_admin.SeatUsageRead.as_view(), name="seat-usage"),
    path(OFFER, by_method(get=catalogue_admin.OfferRead, put=catalogue_admin.OfferUpdate), name="offer"),
    path(
        f"{OFFER}/coupons",
        by_method(get=catalogue_admin.CouponList, post=catalogue_admin.CouponCreate),
        name="coupons",
    ),
    path(
        f"{OFFER}/coupons/{COUPON}",
        by_method(
            get=catalogue_admin.CouponRead,
            put=catalogue_admin.CouponUpdate,
            delete=catalogue_admin.CouponDelete,
        ),
        name="coupon",
    ),
]
