"""`manage.py selflicense bootstrap|activate|refresh|status|remove`: one service each (C8, C18)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

from config.kit import actors, clock
from licenses.cli.reading import MAX_FILE, answer, file_bytes, stamp
from licenses.domain.own_license import GuardState
from licenses.own_status import OwnStatus, own_status
from licenses.services.own_master import master_prepare
from licenses.services.selflicense import selflicense_activate, selflicense_refresh, selflicense_remove


def add_arguments(actions: Any) -> None:
    """Declare the actions and their options."""
    _common(
        actions.add_parser("bootstrap", help="make this installation a master: product, plans, an account")
    )
    activate = _common(actions.add_parser("activate", help="take a key into use; the one before is replaced"))
    activate.add_argument("key", metavar="FILE", help="file with the key, or - for stdin")
    _common(actions.add_parser("refresh", help="ask the master now"))
    _common(actions.add_parser("status", help="tier, what is granted, caps with their use, guard"))
    _common(actions.add_parser("remove", help="go on without a license, as Creator"))


def _common(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--json", action="store_true", help="one JSON object")
    return parser


def bootstrap(options: dict[str, Any], stdout: Any) -> None:
    """The product of Signet and its plans, where they are not there."""
    prepared = master_prepare(**_by())
    key, group = prepared.product.product_key, prepared.account.slug
    made = ", ".join(prepared.plans) or "none, all were there"
    lines = [
        f"Product {key}: {'made' if prepared.created else 'was there'}. Plans made: {made}.",
        "Issue a key to this installation:",
        f"  manage.py license issue --product-key {key} --plan pro --group {group} > own.key",
        "  manage.py selflicense activate own.key",
    ]
    document = {
        "product_key": key,
        "created": prepared.created,
        "plans": list(prepared.plans),
        "group": group,
    }
    answer(stdout, document, lines, as_json=options["json"])


def activate(options: dict[str, Any], stdout: Any) -> None:
    """Verify the key, ask the master, take it into use."""
    path = options["key"]
    data = sys.stdin.buffer.read(MAX_FILE) if path == "-" else file_bytes(path)
    selflicense_activate(text=data.decode("utf-8", "replace"), **_by())
    status(options, stdout)


def refresh(options: dict[str, Any], stdout: Any) -> None:
    """What the hourly task does."""
    selflicense_refresh(**_by())
    status(options, stdout)


def remove(options: dict[str, Any], stdout: Any) -> None:
    """Forget the key."""
    selflicense_remove(**_by())
    status(options, stdout)


def status(options: dict[str, Any], stdout: Any) -> None:
    """What stands now."""
    found = own_status(clock.now())
    answer(stdout, _plain(found.to_dict()), list(_lines(found)), as_json=options["json"])


def _lines(found: OwnStatus) -> list[str]:
    now = found.standing
    until = f" Grace until {stamp(now.until)}." if now.guard is GuardState.GRACE and now.until else ""
    lines = [
        f"Tier      {found.tier.capitalize()}{' (sandbox)' if found.sandbox else ''}",
        f"License   {found.row.public_id or 'none'}",
        f"Guard     {now.guard}: {found.reason_text}{until}",
        f"Granted   {', '.join(sorted(now.granted)) or 'nothing'}",
    ]
    if found.withheld:
        lines.append(f"Withheld  {', '.join(found.withheld)}")
    lines += [
        f"Use       {use.rule.title}: {use.used} of {'any number' if use.most is None else use.most}"
        for use in found.uses
    ]
    if found.upgrade_url and found.next_tier:
        lines.append(f"Next      {found.next_tier.capitalize()}: {found.upgrade_url}")
    return lines


def _plain(value: Any) -> Any:
    """JSON-ready: instants as RFC 3339."""
    if isinstance(value, dict):
        return {name: _plain(member) for name, member in value.items()}
    return stamp(value) if isinstance(value, datetime) else value


def _by() -> dict[str, Any]:
    return {"actor": actors.command_line(), "at": clock.now()}


ACTIONS: dict[str, Callable[[dict[str, Any], Any], None]] = {
    "bootstrap": bootstrap,
    "activate": activate,
    "refresh": refresh,
    "status": status,
    "remove": remove,
}
