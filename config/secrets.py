"""Secrets at start-up: made once for development, demanded and weighed for production (E5)."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

MIN_SECRET_KEY = 50
MIN_JWT_SECRET = 32  # RFC 7518 §3.2: an HS256 key has at least the size of the hash
MIN_DISTINCT = 8

MAKERS: dict[str, Callable[[], str]] = {
    "SECRET_KEY": lambda: secrets.token_urlsafe(64),
    "KEY_ENCRYPTION_KEYS": lambda: Fernet.generate_key().decode(),
    "INTERNAL_AUTH_SECRET": lambda: secrets.token_urlsafe(48),
}


def development_secret(folder: Path, name: str) -> str:
    """Return the secret kept in `folder/secrets`, making it once; safe when several processes start together."""
    path = folder / "secrets" / name.lower()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        draft.touch(mode=0o600)
        draft.write_text(MAKERS[name](), encoding="utf-8")
        try:
            os.link(draft, path)  # atomic, and fails when another process was first
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text(encoding="utf-8").strip()


def weakness(name: str, values: list[str]) -> str | None:
    """Say in a sentence what is wrong with a secret, or None."""
    if not any(values):
        return "is missing"
    return next((problem for value in values if (problem := _weakness(name, value))), None)


def _weakness(name: str, value: str) -> str | None:
    if name == "KEY_ENCRYPTION_KEYS":
        return None if _is_fernet_key(value) else "is not a Fernet key (32 random bytes in base64url)"
    least = MIN_SECRET_KEY if name == "SECRET_KEY" else MIN_JWT_SECRET
    if len(value.encode()) < least:
        return f"is too short: {least} characters at least"
    if len(set(value)) < MIN_DISTINCT or "insecure" in value or "change" in value.lower():
        return "is too easy to guess"
    return None


def _is_fernet_key(value: str) -> bool:
    try:
        raw = base64.urlsafe_b64decode(value.encode())
    except (ValueError, binascii.Error):
        return False
    return len(raw) == 32 and len(set(raw)) >= MIN_DISTINCT  # noqa: PLR2004 - Fernet's key size


def demand_strong(name: str, value: str, variable: str) -> None:
    """Raise ImproperlyConfigured naming the variable when a secret that may be left out is given and weak."""
    problem = weakness(name, [value]) if value else None
    if problem:
        raise ImproperlyConfigured(
            f"{variable} {problem}. SIGNET_ENV=production takes a strong one, or none."
        )


def demand(name: str, values: list[str], variable: str) -> None:
    """Raise ImproperlyConfigured naming the variable when a production secret is missing or weak."""
    problem = weakness(name, values)
    if problem:
        raise ImproperlyConfigured(
            f"{variable} {problem}. Set {variable} or {variable}_FILE; SIGNET_ENV=production needs it."
        )
