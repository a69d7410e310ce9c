"""Settings of our own license that are judged at start."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

HERE = frozenset({"localhost", "127.0.0.1", "::1"})


def master_url(text: str) -> str:
    """The address of the master without a slash at its end: HTTPS, or this machine itself."""
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.query or parts.fragment or parts.username or parts.password:
        raise ImproperlyConfigured("SIGNET_SELF_LICENSE_MASTER_URL is not the address of a server.")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in HERE):
        raise ImproperlyConfigured("SIGNET_SELF_LICENSE_MASTER_URL must begin with https://.")
    return text.rstrip("/")


def refresh_minutes(number: int) -> int:
    """At least once an hour is promised (C5)."""
    if not 1 <= number <= 60:  # noqa: PLR2004 - the minutes of an hour
        raise ImproperlyConfigured("SIGNET_SELF_LICENSE_REFRESH_MINUTES is a number from 1 to 60.")
    return number
