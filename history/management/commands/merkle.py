"""`manage.py merkle check inclusion|consistency`: one proof on standard input, one exit code.

The JSON has the keys of the transparency-dev/merkle test data. Needs no database.
"""

from __future__ import annotations

import base64
import binascii
import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from history.domain.merkle import verify_consistency, verify_inclusion

LARGEST_INPUT = 1024 * 1024
LARGEST_NUMBER = 2**64 - 1


class BadVectorError(ValueError):
    """The input is no vector of the kind asked for."""


class Command(BaseCommand):
    help = "Checks a Merkle proof. Exit code 0: it verifies. 1: it does not. 2: the input is no proof at all."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        check = actions.add_parser("check", help="check one proof from standard input")
        check.add_argument("proof", choices=sorted(CHECKS))

    def handle(self, *_: Any, proof: str, **__: Any) -> None:
        try:
            holds = CHECKS[proof](_vector(sys.stdin.buffer.read(LARGEST_INPUT + 1)))
        except BadVectorError as error:
            raise CommandError(str(error), returncode=2) from error
        self.stdout.write("verified" if holds else "not verified")
        if not holds:
            raise SystemExit(1)


def _check_inclusion(vector: dict[str, Any]) -> bool:
    return verify_inclusion(
        index=_number(vector, "leafIdx"),
        size=_number(vector, "treeSize"),
        leaf=_bytes(vector, "leafHash"),
        proof=_proof(vector),
        root=_bytes(vector, "root"),
    )


def _check_consistency(vector: dict[str, Any]) -> bool:
    return verify_consistency(
        size1=_number(vector, "size1"),
        size2=_number(vector, "size2"),
        root1=_bytes(vector, "root1"),
        root2=_bytes(vector, "root2"),
        proof=_proof(vector),
    )


CHECKS = {"inclusion": _check_inclusion, "consistency": _check_consistency}


def _vector(raw: bytes) -> dict[str, Any]:
    if len(raw) > LARGEST_INPUT:
        raise BadVectorError(f"A vector is at most {LARGEST_INPUT} bytes long.")
    try:
        vector = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BadVectorError("The input is not JSON.") from error
    if not isinstance(vector, dict):
        raise BadVectorError("A vector is a JSON object.")
    return vector


def _number(vector: dict[str, Any], name: str) -> int:
    value = vector.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST_NUMBER:
        raise BadVectorError(f"{name} must be an unsigned 64-bit number.")
    return value


def _bytes(vector: dict[str, Any], name: str) -> bytes:
    if name not in vector:
        raise BadVectorError(f"{name} is missing.")
    value = vector[name]
    return b"" if value is None else _decode(value, name)


def _proof(vector: dict[str, Any]) -> list[bytes]:
    if "proof" not in vector:
        raise BadVectorError("proof is missing.")
    value = vector["proof"]
    if value is None:  # how Go writes an empty list
        return []
    if not isinstance(value, list):
        raise BadVectorError("proof must be a list.")
    return [_decode(item, "proof") for item in value]


def _decode(value: Any, name: str) -> bytes:
    if not isinstance(value, str):
        raise BadVectorError(f"{name} must be base64 text.")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadVectorError(f"{name} is not base64.") from error
