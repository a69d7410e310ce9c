"""The codes of a second factor: those of an authenticator app (RFC 6238) and those for when it is lost."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode

from django_otp.oath import TOTP

STEP = 30
TOLERANCE = 1
"""Steps that the clock of a phone may be off, to either side."""
SECRET_BYTES = 20
RECOVERY_BYTES = 10
RECOVERY_CODES = 10
FREE_TRIES = 3
LONGEST_WAIT = 900

_DIGITS = re.compile(r"[0-9]{6}")


def secret_new() -> bytes:
    """A secret of 160 bits, the length that RFC 4226 §4 recommends."""
    return secrets.token_bytes(SECRET_BYTES)


def secret_text(secret: bytes) -> str:
    """The secret as people type it, in groups of four."""
    text = base64.b32encode(secret).decode()
    return " ".join(text[i : i + 4] for i in range(0, len(text), 4))


def secret_uri(secret: bytes, *, issuer: str, name: str) -> str:
    """What the QR code says (the Key URI Format of authenticator apps)."""
    issuer, name = issuer.replace(":", ""), name.replace(":", "")
    parameters = urlencode({"secret": base64.b32encode(secret).decode(), "issuer": issuer}, quote_via=quote)
    return f"otpauth://totp/{quote(f'{issuer}:{name}')}?{parameters}"


def compact(code: str) -> str:
    """A code as it was typed, without the gaps that apps and people put into it."""
    return "".join(code.split()).replace("-", "").lower()


def is_app_code(code: str) -> bool:
    return _DIGITS.fullmatch(compact(code)) is not None


def step_of(secret: bytes, code: str, *, at: datetime, after: int = -1) -> int | None:
    """The time step at which the app shows this code around `at`; None when it does not.

    Steps up to `after` were used before and count no more: no code is taken twice.
    """
    if not is_app_code(code):
        return None
    app = TOTP(secret, STEP)
    app.time = at.timestamp()
    return int(app.t()) if app.verify(int(compact(code)), TOLERANCE, min_t=after + 1) else None


def code_at(secret: bytes, at: datetime) -> str:
    """What the app shows at an instant."""
    app = TOTP(secret, STEP)
    app.time = at.timestamp()
    return f"{app.token():06}"


def recovery_codes_new() -> list[str]:
    """Ten codes of 80 random bits, such as `mfra-2x7q-w4ze-q5ab`: a guesser of their hashes gets nowhere."""
    texts = [base64.b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode() for _ in range(RECOVERY_CODES)]
    return ["-".join(text[i : i + 4] for i in range(0, 16, 4)).lower() for text in texts]


def recovery_hash(code: str) -> str:
    return hashlib.sha256(compact(code).encode("utf-8", "surrogatepass")).hexdigest()


def wait_after(failures: int) -> timedelta:
    """How long nothing is tried after so many wrong codes: nothing at first, then twice as long each time."""
    if failures < FREE_TRIES:
        return timedelta()
    return timedelta(seconds=min(LONGEST_WAIT, 2 ** min(failures - FREE_TRIES + 1, 20)))
