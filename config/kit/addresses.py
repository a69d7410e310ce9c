"""Where a request comes from, as the outermost proxy that we trust saw it."""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network, ip_address

from django.conf import settings
from django.http import HttpRequest

HOUSEHOLD = 64
"""Bits of an IPv6 address that one customer of a provider has; below them it may change at will."""


def address_of(request: HttpRequest) -> str:
    """The address to count by: of IPv6 the network, for its owner has as many addresses as it likes."""
    text = _seen(request)
    try:
        address = ip_address(text)
    except ValueError:  # no proxy that we trust writes this; a stranger's text is still told from another
        return text[:64]
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or IPv6Network((address, HOUSEHOLD), strict=False))
    return str(address)


def _seen(request: HttpRequest) -> str:
    forwarded: list[str] = [
        part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()
    ]
    if settings.TRUSTED_PROXIES and forwarded:
        outermost: str = forwarded[-min(settings.TRUSTED_PROXIES, len(forwarded))]
        return outermost
    address: str = request.META.get("REMOTE_ADDR", "")
    return address
