"""A License Operator's configuration file and environment, read as ours (E4).

Its keys are joined with underscores and written in capitals, as ours are: `stripe: {api_key: …}` is
`LICENSEOPERATOR_STRIPE_API_KEY`. What only the catalogue needs (products, coupons, keys) is left to
`manage.py catalogue load`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

PREFIX: Final = "LICENSEOPERATOR_"
SECTIONS: Final = frozenset({"products", "coupons", "tiers", "merchants", "signing_keys", "security"})
"""Parts of the file that are no settings."""
INNER: Final = {"stripe": frozenset({"products"})}
"""Parts of a section that are no settings."""
NAMES: Final[Mapping[str, str]] = {
    "SERVER_ADDR": "BIND",
    "SERVER_ADDRESS": "BIND",
    "SERVER_BIND": "BIND",
    "SERVER_BIND_ADDRESS": "BIND",
    "SERVER_HOST": "BIND",
    "SERVER_LISTEN": "BIND",
    "SERVER_PORT": "PORT",
    "SERVER_PUBLIC_BASE_URL": "BASE_URL",
    "SERVER_PUBLIC_URL": "BASE_URL",
    "PUBLIC_URL": "BASE_URL",
    "DATABASE_DSN": "DATABASE_URL",
    "MYSQL_DSN": "DATABASE_URL",
    "MYSQL_URL": "DATABASE_URL",
    "STRIPE_API_KEY": "STRIPE_API_KEY",
    "STRIPE_SECRET_KEY": "STRIPE_API_KEY",
    "STRIPE_WEBHOOK_SECRET": "STRIPE_WEBHOOK_SECRETS",
    "STRIPE_WEBHOOK_SECRETS": "STRIPE_WEBHOOK_SECRETS",
    "STRIPE_REQUIRE_GROUP_NAME": "REQUIRE_GROUP_NAME",
    "REQUIRE_GROUP_NAME": "REQUIRE_GROUP_NAME",
    "NATS_URL": "NATS_URL",
    "NATS_SERVERS": "NATS_URL",
    "NATS_SUBJECT_LICENSE_ISSUED": "NATS_SUBJECT",
    "JETSTREAM_URL": "NATS_URL",
    "INTERNAL_AUTH_SECRET": "INTERNAL_AUTH_SECRET",
    "INTERNAL_AUTH_JWT_SECRET": "INTERNAL_AUTH_SECRET",
    "INTERNAL_AUTH_ISSUER": "INTERNAL_AUTH_ISSUER",
    "INTERNAL_AUTH_AUDIENCE": "INTERNAL_AUTH_AUDIENCE",
    "INTERNAL_AUTH_TOKEN_TTL": "INTERNAL_AUTH_LIFETIME_SECONDS",
    "INTERNAL_AUTH_LIFETIME": "INTERNAL_AUTH_LIFETIME_SECONDS",
    "INTERNAL_AUTH_LIFETIME_SECONDS": "INTERNAL_AUTH_LIFETIME_SECONDS",
}
_DSN: Final = re.compile(
    r"(?P<user>[^:@/]*)(?::(?P<password>.*))?@tcp\((?P<place>[^)]+)\)/(?P<name>[^?]*)(?:\?.*)?"
)
_DURATION: Final = re.compile(r"(\d+)(s|m|h)")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600}


def is_operators(document: Mapping[str, Any]) -> bool:
    """Whether a file holds what only a License Operator's does."""
    return bool(SECTIONS & set(document)) or any(
        isinstance(document.get(name), Mapping) and inner & set(document[name])
        for name, inner in INNER.items()
    )


def settings_part(document: Mapping[str, Any]) -> dict[str, Any]:
    """The file without catalogue and keys, which are no settings."""
    return {
        name: {key: inner for key, inner in value.items() if key not in INNER.get(name, ())}
        if isinstance(value, Mapping)
        else value
        for name, value in document.items()
        if name not in SECTIONS
    }


def setting_of(name: str, known: frozenset[str]) -> str | None:
    """Our name of a joined key without its prefix; None for one that is not a setting here.

    A setting of ours may be given under its own name, too; `_FILE` behind either names a file.
    """
    plain = name.removesuffix("_FILE")
    found = NAMES.get(plain, plain)
    return None if found not in known else found + name[len(plain):]  # fmt: skip


def settings_from(values: Mapping[str, str], known: frozenset[str]) -> dict[str, str]:
    """Joined keys without a prefix as our settings, without ours either; what is no setting is left out."""
    found: dict[str, str] = {}
    for name, text in values.items():
        setting = setting_of(name, known)
        if setting is not None:
            found |= value_of(setting, text)
    return found


def from_environment(environment: Mapping[str, str], known: frozenset[str]) -> dict[str, str]:
    """What LICENSEOPERATOR_* variables say, under our names without a prefix."""
    ours = {name.removeprefix(PREFIX): text for name, text in environment.items() if name.startswith(PREFIX)}
    return settings_from(ours, known)


def value_of(setting: str, text: str) -> dict[str, str]:
    """A value as our setting takes it: `host:port`, a MySQL DSN and a duration have another spelling there."""
    if setting == "BIND" and ":" in text and not text.startswith("["):
        host, _, port = text.rpartition(":")
        return {"BIND": host or "0.0.0.0", "PORT": port}  # noqa: S104 - `:8080` is what the operator wrote
    if setting == "DATABASE_URL":
        return {setting: database_url(text)}
    if setting == "INTERNAL_AUTH_LIFETIME_SECONDS" and (parts := _DURATION.findall(text)):
        return {setting: str(sum(int(number) * _SECONDS[unit] for number, unit in parts))}
    return {setting: text}


def database_url(text: str) -> str:
    """`user:password@tcp(host:3306)/name?…` as `mysql://user:password@host:3306/name`; an address stays."""
    found = _DSN.fullmatch(text)
    if found is None:
        return text
    who = quote(found["user"], safe="")
    secret = f":{quote(found['password'], safe='')}" if found["password"] else ""
    return f"mysql://{who}{secret}@{found['place']}/{found['name']}"
