"""A client of one profile's Stripe account, and Stripe's errors in our words. Nothing else imports `stripe`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import stripe
from django.conf import settings

from billing.gateway.errors import StripeMissing, StripeRefused, StripeUnavailable
from billing.models import MerchantProfile
from config.kit.sealing import unseal

API_VERSION = "2026-10-28.endive"
TIMEOUT_SECONDS = 10
NOT_FOUND = 404
IN_USE = 409

# The SDK would write addresses and names of buyers into a debug log.
logging.getLogger("stripe").setLevel(logging.WARNING)
stripe.enable_telemetry = False


def key_of(merchant: MerchantProfile) -> str:
    """The secret key of the profile's account; the default profile may use that of the settings.

    Raises StripeUnavailable when there is none, SealingKeyMissing when it cannot be opened.
    """
    if merchant.api_key:
        return unseal(bytes(merchant.api_key)).decode()
    if merchant.is_default and settings.STRIPE_API_KEY:
        return str(settings.STRIPE_API_KEY)
    raise StripeUnavailable(f"The merchant profile {merchant.slug} has no Stripe key.")


def secrets_of(merchant: MerchantProfile) -> tuple[str, ...]:
    """The webhook secrets of the profile, the newest first; the default profile may use those of the settings."""
    if merchant.webhook_secrets:
        lines = unseal(bytes(merchant.webhook_secrets)).decode().splitlines()
        return tuple(line.strip() for line in lines if line.strip())
    if merchant.is_default:
        return tuple(secret for secret in settings.STRIPE_WEBHOOK_SECRETS if secret)
    return ()


def client_of(merchant: MerchantProfile) -> stripe.StripeClient:
    """A client with the pinned API version. Raises as `key_of`."""
    return _client(key_of(merchant), settings.STRIPE_API_BASE)


@lru_cache(maxsize=32)
def _client(key: str, base: str) -> stripe.StripeClient:
    """Kept, because the HTTP session in it keeps its connections; the SDK has one session a thread."""
    addresses: Any = {"api": base.rstrip("/")} if base else {}
    return stripe.StripeClient(
        key,
        stripe_version=API_VERSION,
        base_addresses=addresses,
        max_network_retries=1,
        http_client=stripe.RequestsClient(timeout=TIMEOUT_SECONDS),
    )


@contextmanager
def asking() -> Iterator[None]:
    """Around each call. Raises StripeUnavailable (503), StripeMissing or StripeRefused (409)."""
    try:
        yield
    except (stripe.APIConnectionError, stripe.RateLimitError) as error:
        raise StripeUnavailable from error
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise StripeUnavailable("Stripe does not accept the key of this merchant profile.") from error
    except (stripe.InvalidRequestError, stripe.CardError, stripe.IdempotencyError) as error:
        raise refusal_of(error) from error
    except stripe.StripeError as error:  # a 5xx, or an answer that is not Stripe's
        raise StripeUnavailable from error


def refusal_of(error: stripe.StripeError) -> StripeRefused | StripeUnavailable:
    """Stripe's refusal with its code and sentence."""
    code = error.code or (error.error.type if error.error else "") or ""
    if error.http_status == NOT_FOUND or code == "resource_missing":
        return StripeMissing(error.user_message, stripe_code=code)
    if error.http_status == IN_USE:  # the same idempotency key is being worked on, or a lock is held
        return StripeUnavailable()
    return StripeRefused(error.user_message, stripe_code=code)


def plain(answer: stripe.StripeObject) -> dict[str, Any]:
    """An answer as plain values."""
    return answer.to_dict(for_json=True)
