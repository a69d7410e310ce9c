"""Mail by a provider's API instead of SMTP: which providers there are, and django-anymail's settings from ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from django.core.exceptions import ImproperlyConfigured

from notifications.domain.headers import UnfitHeader, check_mailbox

PROVIDERS: tuple[str, ...] = (
    "amazon_ses",
    "brevo",
    "mailersend",
    "mailgun",
    "mailjet",
    "mailtrap",
    "mandrill",
    "postal",
    "postmark",
    "resend",
    "scaleway",
    "sendgrid",
    "sparkpost",
    "unisender_go",
)
DEFAULTS: Mapping[str, Any] = {
    # What a provider cannot do (tags, switching its link tracking off) must not keep a mail from going out.
    "IGNORE_UNSUPPORTED_FEATURES": True,
    "REQUESTS_TIMEOUT": 30,
}
_LEAST = 16


def backend(provider: str) -> str:
    """The path of a provider's mail backend. Raises ImproperlyConfigured for a name that is none."""
    if provider not in PROVIDERS:
        raise ImproperlyConfigured(
            f"SIGNET_MAIL_PROVIDER must be one of {', '.join(PROVIDERS)}; not {provider[:40]!r}."
        )
    return f"anymail.backends.{provider}.EmailBackend"


def anymail(text: str, webhook_secrets: Sequence[str]) -> dict[str, Any]:
    """The setting ANYMAIL: our defaults, what the operator gives as a JSON or YAML map, the webhooks' secrets.

    Raises ImproperlyConfigured, and never repeats what was given: it holds keys.
    """
    return {**DEFAULTS, **_given(text), "WEBHOOK_SECRET": [_checked(secret) for secret in webhook_secrets]}


def _given(text: str) -> dict[str, Any]:
    try:
        document = yaml.safe_load(text) if text.strip() else {}
    except yaml.YAMLError as error:
        raise ImproperlyConfigured("SIGNET_MAIL_PROVIDER_SETTINGS is neither JSON nor YAML.") from error
    if not isinstance(document, Mapping) or not all(isinstance(name, str) for name in document):
        raise ImproperlyConfigured(
            "SIGNET_MAIL_PROVIDER_SETTINGS is a map of names and values, such as"
            ' {"POSTMARK_SERVER_TOKEN": "…"}.'
        )
    return {name.upper(): value for name, value in document.items()}


def _checked(secret: str) -> str:
    user, colon, password = secret.partition(":")
    if not (user and colon and password) or len(password) < _LEAST:
        raise ImproperlyConfigured(
            f"SIGNET_MAIL_WEBHOOK_SECRET is written user:password, the password with {_LEAST} characters or more."
        )
    return secret


def secrets_of(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """The texts within ANYMAIL that no log may show."""
    found: list[str] = []
    for name, value in settings.items():
        texts = value if isinstance(value, list) else [value]
        secret = name.endswith(("KEY", "TOKEN", "SECRET", "PASSWORD")) or name == "WEBHOOK_SECRET"
        found += [part for text in texts if secret for part in (str(text), str(text).partition(":")[2])]
    return tuple(text for text in found if text)


def sender(text: str) -> str:
    """SIGNET_MAIL_FROM as it stands in a mail. Raises ImproperlyConfigured."""
    try:
        return check_mailbox(text.strip())
    except UnfitHeader as error:
        raise ImproperlyConfigured(
            f"SIGNET_MAIL_FROM is an address, or a name and an address in angle brackets: {error}."
        ) from error
