"""What a reference may be: an opaque id, never a payload, a secret or a person (B1, B21)."""

from __future__ import annotations

import re
from ipaddress import ip_address

LONGEST = 120
SHORTEST_SECRET = 18
_SHAPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/#+=@-]*")
_JWT = re.compile(r"eyJ[\w-]{5,}\.[\w-]*")
_LICENSE_KEY = re.compile(r"(?<![A-Za-z0-9])lic1[-.]", re.IGNORECASE)
_PEM = re.compile(r"-----|\b(?:BEGIN|PRIVATE)[ _-](?:RSA|EC|KEY|PRIVATE|CERTIFICATE)", re.IGNORECASE)
_ADDRESS = re.compile(r"[^\s@]@[^\s@]")
_IPV4 = re.compile(r"(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d.])")
_VERSION = re.compile(r"(?<![A-Za-z0-9])(?:release|version|build):v?\d+(?:\.\d+)+", re.IGNORECASE)
"""Four numbers are an address, unless they say that they are none."""
_PIECE = re.compile(r"[0-9A-Za-z:._-]+")
_PHONE = re.compile(r"\+\d(?:[-.]?\d){7,}|(?<![A-Za-z0-9])(?:tel|phone)[:=]", re.IGNORECASE)
_CREDENTIAL = re.compile(r"(?<![A-Za-z0-9])(?:password|secret|token|bearer)[:=]", re.IGNORECASE)
_CARD = re.compile(r"(?<![A-Za-z0-9])(?:\d{13,19}|\d{4}(?:-\d{4}){2}-\d{1,7})(?![A-Za-z0-9])")
_CREDENTIAL_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s]*:[^/\s]*@", re.IGNORECASE)
_TOKEN = re.compile(
    r"\b(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|AKIA|ASIA|npm_|pypi-|dckr_pat_|hf_|sgk_|whsec_|"
    r"[srp]k_(?:live|test)_|AIza|ya29\.)",
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\b|git:[0-9a-f]{40}\b")
_OWN_ID = re.compile(r"\b(?:L-[A-Z2-7]{26}|C-[A-Z2-7]{16})\b")
"""Public ids of licenses and customers (see config.kit.ids)."""
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_RUN = re.compile(r"[A-Za-z0-9+/=_-]{20,}")
_CHANGE = re.compile(
    r"(?<=[a-z])(?=[A-Z0-9])|(?<=[A-Z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])|(?<=[A-Z][A-Z])(?=[a-z])"
)
MOST_CHANGES = 0.2
"""Changes between small letters, capitals and digits, per character. Words and dates joined by hyphens have few,
random letters and digits have one at every second or third character."""


class UnfitReference(ValueError):
    """The text may not stand as a reference; `code` says why."""

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        super().__init__(detail)


_LOOKS = (
    ("credentialed_url", _CREDENTIAL_URL, "An address with a password in it is a secret."),
    ("email_address", _ADDRESS, "That looks like an e-mail address: name the person by an opaque id."),
    ("jwt", _JWT, "That looks like a signed token: give the id of the license or issuance."),
    ("license_key", _LICENSE_KEY, "That looks like a license key: give the id of the license."),
    ("pem_block", _PEM, "That looks like a key or certificate."),
    ("access_token", _TOKEN, "That looks like an access token."),
    ("credential", _CREDENTIAL, "A password, a secret or a token is no reference."),
    ("phone_number", _PHONE, "That looks like a phone number: name the person by an opaque id."),
)


def check_reference(text: str) -> None:
    """Refuse (UnfitReference) what is no opaque id of 1 to 120 characters, or looks secret or personal.

    Opaque ids are letters, digits and ``. _ : / # + = @ -``, as `license:L-0J3X…`, `task:42`, `CS-1187` or an
    artifact by digest (`sha256:<64 hex>`). Codes: empty, too_long, credentialed_url, email_address, jwt,
    license_key, pem_block, access_token, credential, phone_number, ip_address, card_number, high_entropy, not_opaque.
    """
    if not text:
        raise UnfitReference("empty", "A reference is missing.")
    rest = _DIGEST.sub("", text)
    for code, pattern, detail in _LOOKS:
        if pattern.search(rest):
            raise UnfitReference(code, detail)
    rest = _OWN_ID.sub("", _UUID.sub("", rest))
    if _has_address(_VERSION.sub("", rest)):
        raise UnfitReference("ip_address", "That looks like an IP address.")
    if any(_luhn(number) for number in _CARD.findall(rest)):
        raise UnfitReference("card_number", "That looks like the number of a card.")
    if any(_random(run) for run in _RUN.findall(rest)):
        raise UnfitReference("high_entropy", "That looks like a random secret: references are short ids.")
    if len(text) > LONGEST:
        raise UnfitReference("too_long", f"A reference has at most {LONGEST} characters.")
    if not _SHAPE.fullmatch(text):
        raise UnfitReference("not_opaque", "A reference is an id without spaces, not text.")


def _has_address(text: str) -> bool:
    """An IP address, bare or behind a type (`host:2001:db8::1`)."""
    return _IPV4.search(text) is not None or any(_ends_in_address(piece) for piece in _PIECE.findall(text))


def _ends_in_address(piece: str) -> bool:
    while ":" in piece:
        try:
            ip_address(piece)
        except ValueError:
            piece = piece.partition(":")[2]
        else:
            return True
    return False


def _luhn(number: str) -> bool:
    """The check digit of cards (ISO/IEC 7812-1): every second digit from the right counts twice."""
    digits = [int(digit) for digit in reversed(number) if digit.isdecimal()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _random(run: str) -> bool:
    letters = "".join(character for character in run if character.isalnum())
    return len(letters) >= SHORTEST_SECRET and len(_CHANGE.findall(letters)) > MOST_CHANGES * len(letters)
