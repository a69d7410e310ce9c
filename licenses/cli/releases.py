"""`manage.py release publish|list|withdraw`: one service each (E32)."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from config.kit import actors, clock
from licenses import listings
from licenses.cli.reading import USAGE, answer, instant, stamp, whole
from licenses.domain.enums import Edition, ReleaseChannel
from licenses.models import Product, Release
from licenses.releases import release_get, releases_of
from licenses.services.releases import release_publish, release_withdraw


def add_arguments(actions: Any) -> None:
    """Declare the actions and their options."""
    publish = _of_version(actions.add_parser("publish", help="put a version on the update server"))
    publish.add_argument(
        "--artifact", required=True, metavar="ADDRESS", help="https address, or name in a registry"
    )
    source = publish.add_mutually_exclusive_group(required=True)
    source.add_argument("--file", metavar="FILE", help="the artifact itself: its size and SHA-256 are taken")
    source.add_argument("--sha256", metavar="HEX", help="its SHA-256, with --size")
    publish.add_argument("--size", type=whole, metavar="BYTES", help="its size, with --sha256")
    publish.add_argument(
        "--channel", choices=[c.value for c in ReleaseChannel], default=ReleaseChannel.STABLE.value
    )
    publish.add_argument("--notes-file", metavar="FILE", help="what customers read, UTF-8")
    publish.add_argument(
        "--edition", choices=[e.value for e in Edition], default="", help="the lowest that gets it"
    )
    publish.add_argument("--entitlement", default="", metavar="SLUG", help="what a license needs to have")
    publish.add_argument("--published-at", type=instant, metavar="TIME", help="RFC 3339; default: now")
    listed = _common(actions.add_parser("list", help="the releases of a product, the highest version first"))
    listed.add_argument("--channel", choices=[c.value for c in ReleaseChannel])
    withdraw = _of_version(actions.add_parser("withdraw", help="take a version back for good"))
    withdraw.add_argument("--reason", required=True, help="customers read it")


def _common(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--product-key", required=True, metavar="KEY", help="of this product")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    return parser


def _of_version(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("version", metavar="VERSION", help="as in 1.4.0 or 2.0.0-rc.1")
    return _common(parser)


def publish(options: dict[str, Any], stdout: Any) -> None:
    """Put a version on the update server."""
    sha256, size = _artifact(options)
    given = {"published_at": options["published_at"]} if options["published_at"] else {}
    row = release_publish(
        product=_product(options),
        version=options["version"],
        channel=options["channel"],
        artifact=options["artifact"],
        sha256=sha256,
        size_bytes=size,
        notes=_notes(options["notes_file"]),
        minimum_edition=options["edition"],
        entitlement=options["entitlement"],
        **given,
        **_by(),
    )
    line = f"{row.version} is on channel {row.channel}, out from {stamp(row.published_at)}"
    answer(stdout, _described(row), [line], as_json=options["json"])


def list_releases(options: dict[str, Any], stdout: Any) -> None:
    """The releases of a product, the highest version first."""
    rows = releases_of(_product(options)).order_by("-precedence")
    if options["channel"]:
        rows = rows.filter(channel=options["channel"])
    found = [_described(row) for row in rows]
    lines = [
        f"{row['version']:<20} {row['channel']:<10} {row['published_at']}  {row['state']}" for row in found
    ]
    answer(stdout, {"releases": found}, lines or ["no releases"], as_json=options["json"])


def withdraw(options: dict[str, Any], stdout: Any) -> None:
    """Take a version back for good."""
    row = release_withdraw(
        release=release_get(_product(options), options["version"]), reason=options["reason"], **_by()
    )
    answer(stdout, _described(row), [f"{row.version} is withdrawn"], as_json=options["json"])


ACTIONS: dict[str, Callable[[dict[str, Any], Any], None]] = {
    "publish": publish,
    "list": list_releases,
    "withdraw": withdraw,
}


def _by() -> dict[str, Any]:
    return {"actor": actors.command_line(), "at": clock.now()}


def _product(options: dict[str, Any]) -> Product:
    return listings.product_get(options["product_key"])


def _artifact(options: dict[str, Any]) -> tuple[str, int]:
    """SHA-256 and size, of the file or as given. Raises CommandError with exit code 2."""
    if options["file"] is None:
        if options["size"] is None:
            raise CommandError("--sha256 needs --size", returncode=USAGE)
        return options["sha256"].lower(), options["size"]
    try:
        with Path(options["file"]).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return digest, file.tell()
    except (OSError, ValueError) as error:
        raise CommandError(f"{options['file']}: cannot be read ({error})", returncode=USAGE) from error


def _notes(path: str | None) -> str:
    if path is None:
        return ""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise CommandError(f"{path}: cannot be read ({error})", returncode=USAGE) from error


def _described(row: Release) -> dict[str, Any]:
    out = "out" if row.published_at <= clock.now() else "still to come"
    return {
        "product": row.product.product_key,
        "version": row.version,
        "channel": str(row.channel),
        "state": "withdrawn" if row.is_withdrawn else out,
        "published_at": stamp(row.published_at),
        "artifact": row.artifact,
        "sha256": row.sha256,
        "size_bytes": row.size_bytes,
        "minimum_edition": row.minimum_edition,
        "entitlement": row.entitlement,
        "withdrawn_at": stamp(row.withdrawn_at),
        "withdrawn_reason": row.withdrawn_reason,
    }
