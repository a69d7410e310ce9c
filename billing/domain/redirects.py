"""Where a buyer may be sent back to: an address as a browser reads it, on a host that the merchant allows.

Browsers mend addresses (WHATWG URL): they take backslashes for slashes, drop tabs and line ends, read `https:/x`
and `https:x` as `https://x`, decode what is escaped in a host, and put what stands before an `@` aside. Whatever
would need mending is refused here, so that what is left has one reading only.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from enum import StrEnum
from typing import Final

MAX_URL: Final = 2000
MAX_PORT: Final = 65_535
HERE: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
"""The buyer's own machine: a developer's, the only place that may be reached without TLS."""
_PORTS: Final = {"https": 443, "http": 80}
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST: Final = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:.]+\])"
_URL: Final = re.compile(
    rf"(?P<scheme>https?)://(?P<host>{_HOST})(?::(?P<port>[1-9][0-9]{{0,4}}))?(?P<rest>[/?#][!-\[\]-~]*)?",
    re.IGNORECASE | re.ASCII,
)
_ENTRY: Final = re.compile(rf"(?P<host>{_HOST})(?::(?P<port>[1-9][0-9]{{0,4}}))?", re.ASCII)


class RedirectRule(StrEnum):
    """The closed list of what refuses an address. The values are codes of the API."""

    UNREADABLE = "redirect_unreadable"
    NOT_HTTPS = "redirect_not_https"
    HOST_NOT_ALLOWED = "redirect_host_not_allowed"


SAYS: Final = {
    RedirectRule.UNREADABLE: "This is no plain https address without a name before an @.",
    RedirectRule.NOT_HTTPS: "The address must begin with https://.",
    RedirectRule.HOST_NOT_ALLOWED: "The merchant does not send buyers to this host.",
}


def redirect_problem(url: str, hosts: Collection[str]) -> RedirectRule | None:
    """The rule that refuses an address, None for one that may be used.

    `hosts` are names as `shop.example.com`, which stand for the scheme's own port, or with a port as
    `localhost:3000`. Compared exactly: no name stands for what lies below it.
    """
    found = _URL.fullmatch(url) if len(url) <= MAX_URL else None
    if found is None or int(found["port"] or 0) > MAX_PORT:
        return RedirectRule.UNREADABLE
    scheme, host = found["scheme"].lower(), found["host"].lower()
    if scheme != "https" and host not in HERE:
        return RedirectRule.NOT_HTTPS
    port = int(found["port"] or _PORTS[scheme])
    allowed = {_place(entry, scheme) for entry in hosts}
    return None if (host, port) in allowed else RedirectRule.HOST_NOT_ALLOWED


def is_host(entry: str) -> bool:
    """Whether a text can stand in a list of allowed hosts: a name in small letters, a port if need be."""
    found = _ENTRY.fullmatch(entry)
    return found is not None and len(entry) <= MAX_URL and int(found["port"] or 0) <= MAX_PORT


def _place(entry: str, scheme: str) -> tuple[str, int] | None:
    found = _ENTRY.fullmatch(entry.lower())
    return None if found is None else (found["host"], int(found["port"] or _PORTS[scheme]))
