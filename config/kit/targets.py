"""Where a request to an address that somebody typed may go: the address itself, and the numbers behind its name.

A name that somebody else controls can point anywhere, also into this network, and elsewhere a second later.
So every number that a name resolves to is judged here, and the connection is made to a number that was
judged, never to the name.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

LONGEST = 500
DEFAULT_PORTS = {"https": 443, "http": 80}

_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_HOST = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?")
_LOCAL_NAMES = (".localhost", ".local", ".internal", ".home.arpa")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# IANA's registries of special-purpose addresses, and the one public address behind which a cloud hides its
# own service. Written out: what the standard library calls private differs between its versions.
_SPECIAL: tuple[tuple[str, str], ...] = (
    ("0.0.0.0/8", "unspecified"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "shared by a carrier"),
    ("127.0.0.0/8", "loopback"),
    ("168.63.129.16/32", "a cloud's own service"),
    ("169.254.0.0/16", "link-local"),
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "reserved"),
    ("192.0.2.0/24", "for documentation"),
    ("192.88.99.0/24", "reserved"),
    ("192.168.0.0/16", "private"),
    ("198.18.0.0/15", "for benchmarks"),
    ("198.51.100.0/24", "for documentation"),
    ("203.0.113.0/24", "for documentation"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
    ("::1/128", "loopback"),
    ("::/128", "unspecified"),
    ("fc00::/7", "private"),
    ("fe80::/10", "link-local"),
    ("ff00::/8", "multicast"),
    ("2001::/23", "reserved"),  # Teredo and ORCHID among them
    ("2001:db8::/32", "for documentation"),
    ("2002::/16", "6to4"),
    ("3fff::/20", "for documentation"),
)
SPECIAL: tuple[tuple[Network, str], ...] = tuple((ipaddress.ip_network(text), why) for text, why in _SPECIAL)
_GLOBAL_IPV6 = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class UnfitUrlError(ValueError):
    """An address that nothing is sent to. `code` is stable, `detail` a sentence without the address."""

    def __init__(self, code: str, detail: str) -> None:
        self.code, self.detail = code, detail
        super().__init__(detail)


@dataclass(frozen=True, slots=True)
class Target:
    """A parsed address. `path` holds the query, too; `host` is a name or a number, in lower case."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def target_parse(url: str, *, insecure: bool = False, longest: int = LONGEST) -> Target:
    """Read an address. Raises UnfitUrlError.

    HTTPS, any port, no user name, no fragment. With `insecure`, for development, also plain HTTP and this
    machine itself; where the name really leads is judged when something is sent (`address_refusal`).
    """
    if not _PRINTABLE.fullmatch(url) or "\\" in url:
        raise UnfitUrlError("bad_url", "An address is written in ASCII, without spaces or backslashes.")
    if len(url) > longest:
        raise UnfitUrlError("url_too_long", f"An address has at most {longest} characters.")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise UnfitUrlError("bad_url", "This is no web address.") from None
    if parts.scheme not in (DEFAULT_PORTS if insecure else {"https"}):
        raise UnfitUrlError("not_https", "The address must begin with https://.")
    if "@" in parts.netloc:
        raise UnfitUrlError("has_userinfo", "An address with a user name or password in it is not used.")
    if "#" in url:
        raise UnfitUrlError("has_fragment", "The part behind # never leaves a client; leave it out.")
    if port == 0:
        raise UnfitUrlError("bad_port", "Port 0 is no port.")
    _demand_host(host, insecure=insecure)
    path = parts.path or "/"
    return Target(
        scheme=parts.scheme,
        host=host,
        port=port or DEFAULT_PORTS[parts.scheme],
        path=f"{path}?{parts.query}" if parts.query else path,
    )


def address_refusal(text: str, *, insecure: bool = False) -> str | None:
    """Say why nothing is sent to this number, as a word such as `private`; None when it is a public one."""
    try:
        address: Address = ipaddress.ip_address(text)
    except ValueError:
        return "no address"
    address = _inner(address)
    why = next((why for network, why in SPECIAL if address in network), None)
    if why is None and address.version == 6 and address not in _GLOBAL_IPV6:  # noqa: PLR2004 - of the protocol
        return "reserved"
    if why == "loopback" and insecure:
        return None
    return why


def is_loopback(text: str) -> bool:
    try:
        return _inner(ipaddress.ip_address(text)).is_loopback
    except ValueError:
        return False


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, where it does: mapped, or behind NAT64 (RFC 6052)."""
    if not isinstance(address, ipaddress.IPv6Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _demand_host(host: str, *, insecure: bool) -> None:
    if not host:
        raise UnfitUrlError("bad_url", "The address names no host.")
    if ":" in host or host.replace(".", "").isdigit():
        why = address_refusal(host, insecure=insecure)
        if why is not None:
            raise UnfitUrlError("forbidden_address", f"Nothing is sent to an address that is {why}.")
        return
    if not _HOST.fullmatch(host):
        raise UnfitUrlError("bad_url", "The host is no name that can be resolved; write IDNs as xn--….")
    name = "." + host.rstrip(".")
    if name.endswith(_LOCAL_NAMES) and not (insecure and name.endswith(".localhost")):
        raise UnfitUrlError("forbidden_address", "Nothing is sent to names of a local network.")
