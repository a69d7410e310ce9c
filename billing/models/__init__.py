"""Offers, coupons, merchants, orders, money, and Stripe's inbox."""

from billing.models.coupons import Coupon, Redemption
from billing.models.inbox import StripeEvent
from billing.models.merchants import MerchantProfile
from billing.models.offers import BundleItem, Offer, PriceTier
from billing.models.orders import Checkout, Fulfilment, Payment, Subscription, TierChange

__all__ = [
    "BundleItem",
    "Checkout",
    "Coupon",
    "Fulfilment",
    "MerchantProfile",
    "Offer",
    "Payment",
    "PriceTier",
    "Redemption",
    "StripeEvent",
    "Subscription",
    "TierChange",
]
