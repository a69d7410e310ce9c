"""Names of enumerations in the OpenAPI document, for drf-spectacular's ENUM_NAME_OVERRIDES."""

from __future__ import annotations

from billing.domain.enums import CheckoutState, OfferType, PaymentState, TierChangeState
from licenses.models.catalogue import choices

OFFER_TYPES = choices(OfferType)
CHECKOUT_STATES, PAYMENT_STATES = choices(CheckoutState), choices(PaymentState)
TIER_CHANGE_STATES = choices(TierChangeState)
