"""Keeps secrets out of the logs, wherever they come from: fields, messages, tracebacks.

Three nets, because each has holes: fields by their names, known values of this installation's secrets
by what they are, and everything that has the shape of a token, a key or a password by its shape.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from django.conf import settings

from config.mail_provider import secrets_of as mail_secrets

HIDDEN: Final = "[redacted]"

_SECRET_NAME: Final = re.compile(
    r"(?i)((^|_)pass|password|passwd|passphrase|secret|token|authorization|cookie|credential|api_?key|private|"
    r"license_?(key|text)|artifact|bearer|session_?id|signature|(^|_)otp|(^|_)pem)s?$"
)
# In a rendered line a line end may be the two characters \n and a quote \": a pattern that took half of
# such a pair, or a quote that ends a JSON string, would leave something that is no JSON any more.
_ARMOUR: Final = r"(?:[A-Za-z0-9+/=\s:,.-]|\\+[nrt])"
_BEGIN: Final = r"-----BEGIN (?!PUBLIC KEY|CERTIFICATE)[A-Z0-9 ]{1,40}-----"
_ASSIGNED: Final = (
    r"((?:(?<![a-z])pass|pass(?:word|wd|phrase)|secret(?:_?key)?|token|api_?-?key|(?:private|license|encryption)_?keys?|"
    r"authorization|signature|otp)(?:\\*[\"'])?\s*(?:=|:|%3d)\s*)"
    # in quotes to the closing one; a comma or colon behind a quote tells that it was itself a closing one
    r"(?:(\\*[\"'])(?!\[redacted\])[^\s\"'&,;:\\)}\]][^\"'\\]*|(?!\[redacted\])[^\s\"'&,;\\)}\]]+)"
)

# Marks, pattern, what stays of a match. Most lines hold none of the marks, and looking for a mark costs a
# hundredth of looking for a pattern. Marks and patterns are in lower case and match any.
_RULES: Final = tuple(
    (marks, re.compile(pattern, re.IGNORECASE), kept)
    for marks, pattern, kept in (
        # PEM blocks of private keys and whatever else is armoured; one that is cut off, to its last line
        (("-----begin",), rf"{_BEGIN}{_ARMOUR}*?-----END [A-Z0-9 ]{{1,40}}-----|{_BEGIN}{_ARMOUR}*", ""),
        # JSON objects in base64url: JWTs, whole or in part
        (("eyj",), r"\beyJ[a-z0-9_+/-]{8,}(?:\.[a-z0-9_-]*){1,4}", ""),
        (("lic1-",), r"\bLIC1-[a-z2-7]{10,}(?:-[a-z2-7]*)?", ""),
        # our API keys, Stripe's keys and webhook secrets
        (("sgk_", "whsec_"), r"\b(?:sgk|whsec)_[a-z0-9+/=_-]{4,}", ""),
        (("sk_live_", "sk_test_", "rk_live_", "rk_test_"), r"\b[sr]k_(?:live|test)_[a-z0-9]{4,}", ""),
        # what Fernet sealed
        (("gaaaa",), r"\bgAAAA[a-z0-9_-]{20,}={0,2}", ""),
        (("bearer", "basic"), r"\b((?:bearer|basic)\s+)[a-z0-9._~+/=-]{6,}", r"\1"),
        (("@",), r"\b([a-z][a-z0-9+.-]{1,20}://)[^\s/@:\"'\\]*:[^\s/\"'\\]*(?=@)", r"\1"),
        (("pass", "secret", "token", "key", "authorization", "signature", "otp"), _ASSIGNED, r"\1\2"),
    )
)
# Keys of 32 bytes in base64url, such as Fernet's; and signatures and payloads: long, unbroken, in both cases.
_LONG: Final = re.compile(
    r"(?<![A-Za-z0-9_-])(?:[A-Za-z0-9_-]{43}=|(?=[a-z0-9_-]*[A-Z])(?=[A-Z0-9_-]*[a-z])[A-Za-z0-9_-]{80,})"
)


def redact_text(text: str) -> str:
    """Return the text without what is, or looks like, a secret. Safe on rendered JSON: it stays JSON."""
    for value in known_secrets():
        text = text.replace(value, HIDDEN)
    lowered = text.lower()
    for marks, pattern, kept in _RULES:
        if any(mark in lowered for mark in marks):
            text = pattern.sub(kept + HIDDEN, text)
    return _LONG.sub(HIDDEN, text)


def is_secret_name(name: str) -> bool:
    """Whether a field of this name holds a secret: `password`, `api_token`; not `token_sha256`, `kid`."""
    return bool(_SECRET_NAME.search(name))


def redact(value: Any, depth: int = 6) -> Any:
    """Return a copy in which fields with secret names are hidden, however deep they stand."""
    if depth == 0:
        return value
    if isinstance(value, Mapping):
        return {
            key: HIDDEN if item and is_secret_name(str(key)) else redact(item, depth - 1)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset) and not hasattr(value, "_fields"):
        return [redact(item, depth - 1) for item in value]
    return value


def redact_event(_logger: Any, _method: str, event: Any) -> Any:
    """Structlog processor over the event's fields, before they are rendered."""
    fields = redact(event)
    if "exc_info" in event:  # the renderer needs it as it is; what it makes of it goes through redact_line
        fields["exc_info"] = event["exc_info"]
    return fields


def redact_line(_logger: Any, _method: str, line: Any) -> Any:
    """Structlog processor over the rendered line: tracebacks and everything else included."""
    return redact_text(line) if isinstance(line, str) else line


def known_secrets() -> tuple[str, ...]:
    """Return the values of this installation's own secrets, longest first; none while settings are loading."""
    if not settings.configured:
        return ()
    return _known(
        settings.SECRET_KEY,
        tuple(settings.KEY_ENCRYPTION_KEYS),
        settings.INTERNAL_AUTH["secret"],
        settings.METRICS_TOKEN,
        settings.STRIPE_API_KEY,
        tuple(settings.STRIPE_WEBHOOK_SECRETS),
        str(settings.DATABASES["default"].get("PASSWORD") or ""),
        tuple(_password(url) for url in (settings.REDIS_URL, settings.CELERY_BROKER_URL, settings.NATS_URL)),
        str(settings.EMAIL_HOST_PASSWORD or ""),
        mail_secrets(settings.ANYMAIL),
    )


@lru_cache(maxsize=8)
def _known(*values: str | tuple[str, ...]) -> tuple[str, ...]:
    flat = {item for value in values for item in ((value,) if isinstance(value, str) else value)}
    # A short one may be a word that stands in every line; in an address it is caught by its place.
    least = 12
    return tuple(sorted((value for value in flat if len(value) >= least), key=len, reverse=True))


def _password(url: str) -> str:
    try:
        return unquote(urlsplit(url).password or "")
    except ValueError:
        return ""
