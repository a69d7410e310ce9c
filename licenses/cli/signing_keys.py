"""`manage.py keys list|generate|import|activate|rotate|retire|revoke|reseal|jwks|pem`: one service each (E6)."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

from config.kit import actors, clock
from config.kit.errors import NotFound
from licenses import selectors
from licenses.cli.reading import MAX_FILE, answer, file_bytes, stamp, whole
from licenses.domain.enums import Algorithm
from licenses.models import Product, SigningKey
from licenses.services.keys import (
    RSA_BITS,
    key_activate,
    key_generate,
    key_import,
    key_retire,
    key_revoke,
    key_rotate,
)
from licenses.services.resealing import sealed_reseal


def add_arguments(actions: Any) -> None:
    """Declare the actions and their options."""
    _common(actions.add_parser("list", help="every signing key and its state"))
    generate = _made(
        actions.add_parser("generate", help="make a key and stage it: published, not signing yet")
    )
    generate.add_argument("--bits", type=whole, default=RSA_BITS, metavar="N", help="of an RSA key")
    bring = _common(actions.add_parser("import", help="stage an existing private key"))
    bring.add_argument("pem", metavar="FILE", help="PEM file, or - for stdin")
    bring.add_argument(
        "--password-file", metavar="FILE", help="password of the PEM, its last newline dropped"
    )
    _for_product(bring)
    _of_key(actions.add_parser("activate", help="let a staged key sign"), "deployments may not know it yet")
    rotate = _made(
        actions.add_parser("rotate", help="one step: stage a successor, or let the staged one sign")
    )
    rotate.add_argument("--force", action="store_true", help="both steps at once")
    _of_key(actions.add_parser("retire", help="stop signing with a key"), "live licenses are signed with it")
    revoke = _of_key(
        actions.add_parser("revoke", help="refuse a key from now on"), "live licenses end with it"
    )
    revoke.add_argument("--reason", required=True, help="kept with the key")
    revoke.add_argument(
        "--reissue", action="store_true", help="sign the live licenses anew, in the background"
    )
    _common(actions.add_parser("reseal", help="seal keys and texts under the first key-encryption key"))
    _for_product(_common(actions.add_parser("jwks", help="print the published keys as a JWK Set")))
    pem = _common(actions.add_parser("pem", help="print the public half of a key, for openssl and the like"))
    pem.add_argument("kid", metavar="KID", help="name of the key")


def _common(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--json", action="store_true", help="one JSON object")
    return parser


def _for_product(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--product-key", metavar="KEY", help="of this product; default: shared by all")
    return parser


def _made(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    names = [algorithm.value for algorithm in Algorithm]
    parser.add_argument("--algorithm", choices=names, default=Algorithm.RS256.value)
    return _for_product(_common(parser))


def _of_key(parser: argparse.ArgumentParser, danger: str) -> argparse.ArgumentParser:
    parser.add_argument("kid", metavar="KID", help="name of the key")
    parser.add_argument("--force", action="store_true", help=f"do it though {danger}")
    return _common(parser)


def list_keys(options: dict[str, Any], stdout: Any) -> None:
    """Every key, oldest first."""
    rows = [_described(key) for key in SigningKey.objects.select_related("product").order_by("pk")]
    lines = [
        f"{row['kid']}  {row['algorithm']:<6} {row['state']:<8} {row['product'] or 'shared'}" for row in rows
    ]
    answer(stdout, {"keys": rows}, lines or ["no keys"], as_json=options["json"])


def generate(options: dict[str, Any], stdout: Any) -> None:
    """Stage a new key pair."""
    key = key_generate(
        algorithm=Algorithm(options["algorithm"]), product=_product(options), bits=options["bits"], **_by()
    )
    _tell(key, options, stdout)


def import_key(options: dict[str, Any], stdout: Any) -> None:
    """Stage an existing key pair from PEM."""
    path, secret = options["pem"], options["password_file"]
    pem = sys.stdin.buffer.read(MAX_FILE) if path == "-" else file_bytes(path)
    password = file_bytes(secret).removesuffix(b"\n").removesuffix(b"\r") if secret else None
    _tell(key_import(pem=pem, password=password, product=_product(options), **_by()), options, stdout)


def rotate(options: dict[str, Any], stdout: Any) -> None:
    """Go one step of a rotation; safe to repeat."""
    key = key_rotate(
        algorithm=Algorithm(options["algorithm"]),
        product=_product(options),
        force=options["force"],
        **_by(),
    )
    _tell(key, options, stdout)


def change(service: Callable[..., SigningKey], *names: str) -> Callable[[dict[str, Any], Any], None]:
    """An action that moves one key to another state."""

    def run(options: dict[str, Any], stdout: Any) -> None:
        more = {name: options[name] for name in ("force", *names)}
        _tell(service(key=_key(options["kid"]), **more, **_by()), options, stdout)

    return run


def reseal(options: dict[str, Any], stdout: Any) -> None:
    """Seal what is stored again, after a new key-encryption key was put first."""
    done = sealed_reseal()
    document = {
        "signing_keys": done.signing_keys,
        "checkpoint_keys": done.checkpoint_keys,
        "artifacts": done.artifacts,
        **done.others,
    }
    answer(stdout, document, [f"{n:>8} {name}" for name, n in document.items()], as_json=options["json"])


def jwks(options: dict[str, Any], stdout: Any) -> None:
    """The published keys: public members only."""
    stdout.write(json.dumps(selectors.jwks(_product(options))))


def pem(options: dict[str, Any], stdout: Any) -> None:
    """The public half of a key."""
    public = _key(options["kid"]).public_pem
    answer(stdout, {"kid": options["kid"], "public_pem": public}, [public.rstrip()], as_json=options["json"])


ACTIONS: dict[str, Callable[[dict[str, Any], Any], None]] = {
    "list": list_keys,
    "generate": generate,
    "import": import_key,
    "activate": change(key_activate),
    "rotate": rotate,
    "retire": change(key_retire),
    "revoke": change(key_revoke, "reason", "reissue"),
    "reseal": reseal,
    "jwks": jwks,
    "pem": pem,
}


def _by() -> dict[str, Any]:
    return {"actor": actors.command_line(), "at": clock.now()}


def _product(options: dict[str, Any]) -> Product | None:
    return selectors.product_by_key(options["product_key"]) if options["product_key"] else None


def _key(kid: str) -> SigningKey:
    key = SigningKey.objects.select_related("product").filter(kid=kid).first()
    if key is None:
        raise NotFound(f"There is no signing key {kid[:43]!r}.")
    return key


def _tell(key: SigningKey, options: dict[str, Any], stdout: Any) -> None:
    answer(stdout, _described(key), [f"{key.kid} is {key.state}"], as_json=options["json"])


def _described(key: SigningKey) -> dict[str, Any]:
    return {
        "kid": key.kid,
        "algorithm": str(key.algorithm),
        "product": key.product.product_key if key.product else None,
        "state": str(key.state),
        "origin": key.origin,
        "staged_at": stamp(key.staged_at),
        "activated_at": stamp(key.activated_at),
        "retired_at": stamp(key.retired_at),
        "revoked_at": stamp(key.revoked_at),
    }
