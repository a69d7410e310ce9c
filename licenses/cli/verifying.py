"""`manage.py license verify`: one JSON line about one text, whatever bytes it is.

With a JWKS file nothing but that file is asked: no database, no network. Without one, the keys and rows of
this installation's database judge, revocation included.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management.base import CommandError
from django.db import Error as DatabaseError

from config.kit import clock
from config.kit.ids import license_id
from licenses import selectors
from licenses.cli.reading import MAX_FILE, REFUSED, USAGE, file_bytes, instant, stamp
from licenses.domain.enums import LicenseStatus, Posture
from licenses.domain.keys import KeyMaterialError, KeySet
from licenses.domain.posture import PostureSettings
from licenses.domain.verification import Failure, Verification, verify
from licenses.models import License

ANY = "*"
WHITE_SPACE = b" \t\r\n"
"""Around a pasted or piped JWT or LIC1 key, and nowhere else; a license file has exactly one spelling."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `license verify`."""
    parser.add_argument("--token", required=True, metavar="TEXT", help="the license, a file, or - for stdin")
    parser.add_argument("--jwks", metavar="FILE", help="public keys; without it the database's keys and rows")
    parser.add_argument("--issuer", help="default: this installation's; * accepts any")
    parser.add_argument("--audience", help="the product it must be for; default: any")
    parser.add_argument("--product-uid", type=UUID, help="the same for a LIC1 key, which names no audience")
    parser.add_argument("--fingerprint", help="text of the machine's fingerprint")
    parser.add_argument("--at", type=instant, metavar="TIME", help="judge at this RFC 3339 time, not now")
    parser.add_argument("--denied", metavar="FILE", help="token ids (jti) not to accept: one a line, or JSON")
    parser.add_argument(
        "--json", action="store_true", help="accepted for symmetry: the answer always is JSON"
    )


def run(options: dict[str, Any], stdout: Any) -> None:
    """Print the answer as one JSON line; raises SystemExit 1 unless the license holds."""
    found = _judge(options)
    stdout.write(json.dumps(found.document()))
    if not found.ok:
        raise SystemExit(REFUSED)


@dataclass(frozen=True, slots=True)
class Finding:
    """What the text says, and what the database adds to it."""

    verification: Verification
    row_failures: tuple[Failure, ...] = ()
    unchecked: tuple[str, ...] = ()

    @property
    def failures(self) -> tuple[Failure, ...]:
        return self.verification.failures + self.row_failures

    @property
    def ok(self) -> bool:
        return not self.failures

    def document(self) -> dict[str, Any]:
        """JSON-ready; `stage`, `reason` and `detail` are those of the first failure."""
        found, first = self.verification, next(iter(self.failures), None)
        return {
            "ok": self.ok,
            "stage": first.stage if first else None,
            "reason": first.reason if first else None,
            "detail": first.detail if first else None,
            "format": found.format,
            "kid": found.kid or None,
            "key_state": found.key_state,
            "license": _license_id(found),
            "jti": found.jti,
            "posture": Posture.INVALID if self.row_failures else found.posture,
            "in_grace_period": found.in_grace_period,
            "expires_at": stamp(found.expires_at),
            "grace_until": stamp(found.grace_until),
            "changes_at": stamp(found.changes_at),
            "claims": _claims(found),
            "unchecked": list(self.unchecked),
            "failures": [{"stage": f.stage, "reason": f.reason, "detail": f.detail} for f in self.failures],
        }


def _judge(options: dict[str, Any]) -> Finding:
    at = options["at"] or clock.now()
    data, denied = _token(options["token"]), _denied(options["denied"])
    try:
        found = _verify(data, _key_set(options["jwks"]), options, denied, at)
        if options["jwks"]:
            return Finding(found, unchecked=_unchecked(found, options))
        return Finding(found, _row_failures(found, options["audience"]))
    except KeyMaterialError as error:
        return Finding(_unjudged("key", error.reason, error.detail))
    except DatabaseError:
        detail = "The database does not answer; give the public keys by --jwks."
        return Finding(_unjudged("key", "database_unavailable", detail))


def _unchecked(found: Verification, options: dict[str, Any]) -> tuple[str, ...]:
    """What was asked for and the format cannot say: a LIC1 key names neither issuer nor audience."""
    if found.fields is None:
        return ()
    asked = {
        "issuer": options["issuer"] not in {None, ANY},
        "audience": options["audience"] is not None and options["product_uid"] is None,
    }
    return tuple(name for name, was_asked in asked.items() if was_asked)


def _unjudged(stage: str, reason: str, detail: str) -> Verification:
    failure = Failure(stage, reason, detail)
    return Verification(False, stage, reason, detail, failures=(failure,))


def _verify(
    data: bytes, keys: KeySet, options: dict[str, Any], denied: frozenset[str], at: datetime
) -> Verification:
    issuer = settings.ISSUER if options["issuer"] is None else options["issuer"]
    return verify(
        data,
        keys,
        now=at,
        issuer=None if issuer == ANY else issuer,
        audience=options["audience"],
        fingerprint=options["fingerprint"],
        denied_jtis=denied,
        product_uid=options["product_uid"],
        settings=PostureSettings(settings.WARN_DAYS, settings.GRACE_DAYS, settings.TRIAL_GRACE_DAYS),
    )


def _token(named: str) -> bytes:
    """The bytes to judge. More than a mebibyte is no license, and is not read to its end."""
    if named == "-":
        data = _standard_input()
    else:
        data = file_bytes(named) if _is_file(named) else named.encode("utf-8", "surrogatepass")
    stripped = data.strip(WHITE_SPACE)
    return data if stripped.startswith(b"{") else stripped


def _standard_input() -> bytes:
    try:
        return sys.stdin.buffer.read(MAX_FILE + 1)
    except (AttributeError, OSError, ValueError):  # closed, or something that cannot be read
        return b""


def _is_file(named: str) -> bool:
    try:
        return os.path.isfile(named)  # noqa: PTH113 - Path.is_file raises for names that are too long
    except ValueError:
        return False


def _key_set(path: str | None) -> KeySet:
    return selectors.key_set() if path is None else KeySet.from_jwks(file_bytes(path))


def _denied(path: str | None) -> frozenset[str]:
    if path is None:
        return frozenset()
    try:
        text = file_bytes(path).decode()
        listed = json.loads(text) if text.lstrip().startswith("[") else text.split()
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{path}: neither lines of token ids nor a JSON list", returncode=USAGE) from error
    return frozenset(item for item in listed if isinstance(item, str))


def _row_failures(found: Verification, audience: str | None) -> tuple[Failure, ...]:
    """What the live row says of a license whose signature holds: unknown, withdrawn, of another product."""
    public_id = _license_id(found)
    if public_id is None:
        return ()
    row = License.objects.select_related("product").by_public_id(public_id).first()
    if row is None:
        return (Failure("revocation", "not_found", "The license is not known here."),)
    failures = []
    if row.status != LicenseStatus.ACTIVE:
        failures.append(Failure("revocation", str(row.status), f"The license is {row.status}."))
    if found.fields is not None and audience not in {None, row.product.audience}:
        failures.append(Failure("claims", "product_mismatch", "The license is for another product."))
    return tuple(failures)


def _license_id(found: Verification) -> str | None:
    if found.claims is not None:
        return found.claims.license_id
    return None if found.fields is None else license_id(found.fields.license_uid)


def _claims(found: Verification) -> dict[str, Any] | None:
    if found.claims is not None:
        return found.claims.to_payload()
    fields = found.fields
    if fields is None:
        return None
    return {
        "product_uid": str(fields.product_uid),
        "license_uid": str(fields.license_uid),
        "iat": fields.issued_at,
        "exp": fields.expires_at,
        "fp": fields.fingerprint_sha256,
        "kind": fields.kind,
        "ent": fields.granted(),
        "version": fields.version,
    }
