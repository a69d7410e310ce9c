"""The webhook endpoint at Stripe that tells us of payments (E33)."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from billing import gateway
from billing.domain.stripe_events import NOUNS
from billing.gateway import EndpointFacts
from billing.models import MerchantProfile
from config.kit.errors import FieldError, Invalid

PATH = "/api/v1/stripe/webhook"
OPERATOR_PATH = "/authlance/license/stripe/webhook"
"""Where the License Operator's endpoint pointed: one that stands there is kept."""
EVENTS = frozenset(NOUNS)
"""What we do something about; the two of the License Operator are among them."""
THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})
DESCRIPTION = "Signet"


@dataclass(frozen=True, slots=True)
class Ensured:
    """The endpoint, and what was done: `created`, `updated` or `unchanged`. Its secret is told at creation alone."""

    endpoint: EndpointFacts
    done: str


def webhook_ensure(*, merchant: MerchantProfile, public_url: str) -> Ensured:
    """Have Stripe deliver what we handle to this installation, and nothing else. Never inside a transaction.

    `public_url` is where the internet reaches it. A second run changes nothing. Raises Invalid, StripeRefused,
    StripeUnavailable.
    """
    url = webhook_url(merchant, public_url)
    ours = {url, f"{public_url.rstrip('/')}{OPERATOR_PATH}"} if merchant.is_default else {url}
    found = next((entry for entry in gateway.endpoints_list(merchant) if entry.url in ours), None)
    if found is None:
        made = gateway.endpoint_create(merchant, url=url, events=EVENTS, description=DESCRIPTION)
        return Ensured(made, "created")
    if found.enabled_events == EVENTS and found.status == "enabled":
        return Ensured(found, "unchanged")
    return Ensured(gateway.endpoint_update(merchant, found.id, events=EVENTS), "updated")


def webhook_url(merchant: MerchantProfile, public_url: str) -> str:
    """The address for one profile: the default one's has no name in it. Raises Invalid."""
    if not _reachable(public_url):
        text = "An address such as https://licenses.example.com, with https unless it is this machine."
        raise Invalid([FieldError("public_url", "invalid", text)])
    return f"{public_url.rstrip('/')}{webhook_path(merchant)}"


def webhook_path(merchant: MerchantProfile) -> str:
    """Where events of a profile come in; the default one's has no name in it."""
    return PATH if merchant.is_default else f"{PATH}/{merchant.slug}"


def _reachable(public_url: str) -> bool:
    try:
        parts = urlsplit(public_url)
    except ValueError:
        return False
    plain = parts.scheme == "http" and parts.hostname in THIS_MACHINE
    bare = not (parts.query or parts.fragment or parts.username)
    return bool(parts.hostname) and bare and (parts.scheme == "https" or plain)
