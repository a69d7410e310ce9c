"""`manage.py stripe sync-products|ensure-webhook|reconcile`: one service each (E33)."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from billing.domain.syncing import Do, Step, counts
from billing.models import MerchantProfile
from billing.selectors.catalogue import default_merchant, merchant_get
from billing.services.endpoints import Ensured, webhook_ensure
from billing.services.reconciling import reconcile
from billing.services.syncing import catalogue_sync
from config.kit import actors, clock
from licenses.cli.reading import REFUSED, answer, instant

SAME = "Stripe has all of it already."


def add_arguments(actions: Any) -> None:
    """Declare the actions and their options."""
    sync = _common(actions.add_parser("sync-products", help="tell Stripe of offers and coupons"))
    sync.add_argument("--dry-run", action="store_true", help="only show what would be done")
    ensure = _of_merchant(actions.add_parser("ensure-webhook", help="have Stripe deliver its events here"))
    ensure.add_argument(
        "--public-url", required=True, metavar="URL", help="where the internet reaches this installation"
    )
    fetch = _of_merchant(actions.add_parser("reconcile", help="take up events that never arrived"))
    fetch.add_argument(
        "--since", type=since, default=None, metavar="TIME", help="RFC 3339 time, or 7d, 12h (default: 3d)"
    )


def _common(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--json", action="store_true", help="one JSON object")
    return parser


def _of_merchant(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--merchant", metavar="SLUG", help="merchant profile; default: the default one")
    return _common(parser)


def since(text: str) -> datetime | timedelta:
    """A time, or how long ago: `7d`, `12h`."""
    unit = {"d": "days", "h": "hours"}.get(text[-1:])
    if unit and text[:-1].isascii() and text[:-1].isdigit() and len(text) <= len("9999d"):
        return timedelta(**{unit: int(text[:-1])})
    return instant(text)


def _merchant(options: dict[str, Any]) -> MerchantProfile:
    return merchant_get(options["merchant"]) if options["merchant"] else default_merchant()


def sync(options: dict[str, Any], stdout: Any) -> None:
    steps = catalogue_sync(actor=actors.command_line(), at=clock.now(), dry_run=options["dry_run"])
    refused = any(step.do == Do.REFUSED for step in steps)
    document = {
        "ok": not refused,
        "dry_run": options["dry_run"],
        "counts": counts(steps),
        "steps": [step.as_json() for step in steps],
    }
    answer(stdout, document, _told(steps, dry_run=options["dry_run"]), as_json=options["json"])
    if refused:
        raise SystemExit(REFUSED)


def _told(steps: Sequence[Step], *, dry_run: bool) -> list[str]:
    """The steps, and what they come to."""
    changing = sum(step.changing for step in steps)
    if not changing:
        end = SAME
    elif dry_run:
        end = f"{changing} to be done. Nothing was changed; without --dry-run it is."
    else:
        end = f"{changing} done."
    return [*(step.line for step in steps), end]


def ensure(options: dict[str, Any], stdout: Any) -> None:
    merchant = _merchant(options)
    ensured = webhook_ensure(merchant=merchant, public_url=options["public_url"])
    endpoint = ensured.endpoint
    document = {
        "ok": True,
        "done": ensured.done,
        "id": endpoint.id,
        "url": endpoint.url,
        "events": sorted(endpoint.enabled_events),
        **({"secret": endpoint.secret} if endpoint.secret else {}),
    }
    answer(stdout, document, _ensured(merchant, ensured), as_json=options["json"])


def _ensured(merchant: MerchantProfile, ensured: Ensured) -> list[str]:
    endpoint = ensured.endpoint
    lines = [
        f"{ensured.done}: {endpoint.url} ({endpoint.id}, {len(endpoint.enabled_events)} kinds of events)"
    ]
    if endpoint.secret:
        place = "SIGNET_STRIPE_WEBHOOK_SECRETS"
        if not merchant.is_default or merchant.webhook_secrets:
            place = f"the webhook secrets of the merchant profile {merchant.slug}"
        lines += [f"Secret: {endpoint.secret}", f"Stripe shows it this once. Put it first in {place}."]
    return lines


def fetch(options: dict[str, Any], stdout: Any) -> None:
    wanted = options["since"] or timedelta(days=3)
    start = wanted if isinstance(wanted, datetime) else clock.now() - wanted
    say = (lambda _line: None) if options["json"] else stdout.write
    found = reconcile(merchant=_merchant(options), since=start.astimezone(UTC), clock=clock.now, progress=say)
    numbers = asdict(found)
    told = ", ".join(f"{name} {number}" for name, number in numbers.items())
    answer(
        stdout,
        {"ok": True, **numbers},
        [f"Since {start:%Y-%m-%d %H:%M} UTC: {told}."],
        as_json=options["json"],
    )


ACTIONS: dict[str, Callable[[dict[str, Any], Any], None]] = {
    "sync-products": sync,
    "ensure-webhook": ensure,
    "reconcile": fetch,
}
