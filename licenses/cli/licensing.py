"""`manage.py license issue|renew|suspend|reinstate|revoke|show`: one service each."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from accounts.models import Account
from accounts.selectors import account_by_slug
from config.kit import actors, clock
from config.kit.api.principals import Principal
from config.kit.errors import FieldError, Invalid, NotFound
from licenses import selectors
from licenses.cli.reading import answer, instant, stamp, truth, whole
from licenses.domain.entitlements import Entitlement
from licenses.domain.enums import Format, Kind
from licenses.domain.periods import RenewalAnchor
from licenses.errors import UnknownAccount
from licenses.models import Channel, Issuance, License
from licenses.postures import posture_at
from licenses.services.ensuring import license_ensure
from licenses.services.lifecycle import license_reinstate, license_revoke, license_suspend
from licenses.services.renewing import license_renew
from licenses.services.signing import Issued

LIMITS = ("quantity", "seats", "nodes", "machines", "collectors")


def add_arguments(actions: Any) -> None:
    """Declare the actions and their options."""
    _add_issue(actions.add_parser("issue", help="sign a license for an account; prints its text"))
    _add_renew(actions.add_parser("renew", help="move the end of a license; prints the new text"))
    for name, help_text, needed in (
        ("suspend", "stop a license for a while", True),
        ("reinstate", "take a suspension back", False),
        ("revoke", "end a license for good", True),
    ):
        parser = _of_license(actions.add_parser(name, help=help_text))
        parser.add_argument("--reason", required=needed, default="", help="kept with the license")
    _of_license(actions.add_parser("show", help="print a license and its issuances"))


def _add_issue(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--group", required=True, help="slug of the account, which must exist")
    parser.add_argument("--email", default="", help="where the license goes; kept when the account has none")
    parser.add_argument("--plan", required=True, help="code of the plan")
    parser.add_argument("--product-key", required=True, help="key of the product")
    parser.add_argument("--kind", choices=[kind.value for kind in Kind], help="default: the plan's")
    parser.add_argument("--expires", type=instant, metavar="TIME", help="RFC 3339; default: the plan's term")
    for name in LIMITS:
        parser.add_argument(f"--{name}", type=whole, metavar="N", help="default: the plan's")
    parser.add_argument(
        "--entitlement", action="append", metavar="SLUG[=VALUE]", help="instead of the plan's; repeatable"
    )
    parser.add_argument("--comment", default="", help="kept with the license, not signed")
    _signing(parser)


def _add_renew(parser: argparse.ArgumentParser) -> None:
    _of_license(parser)
    term = parser.add_mutually_exclusive_group(required=True)
    term.add_argument("--months", type=whole, metavar="N")
    term.add_argument("--days", type=whole, metavar="N")
    term.add_argument("--until", type=instant, metavar="TIME", help="the new end, RFC 3339")
    parser.add_argument(
        "--anchor",
        default="old_end",
        help="what months and days count from: old_end, now, or an RFC 3339 time",
    )
    parser.add_argument("--reason", default="", help="kept with the renewal")
    _signing(parser, with_json=False)


def _of_license(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("license", metavar="L-…", help="public id of the license")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    return parser


def _signing(parser: argparse.ArgumentParser, *, with_json: bool = True) -> None:
    parser.add_argument("--format", choices=[f.value for f in Format], help="default: the product's")
    keep = "keep the text, encrypted; default: as the installation is set"
    parser.add_argument("--persist", nargs="?", const=True, type=truth, metavar="true|false", help=keep)
    parser.add_argument("--no-persist", dest="persist", action="store_false", help="keep only its hash")
    parser.set_defaults(persist=None)
    if with_json:
        parser.add_argument("--json", action="store_true", help="one JSON object")


def issue(options: dict[str, Any], stdout: Any) -> None:
    """E3: one license for an account, product and plan while it is active; issued again when it exists."""
    product = selectors.product_by_key(options["product_key"])
    ensured = license_ensure(
        account=_account(options["group"]),
        plan=selectors.plan_by_code(product, options["plan"]),
        terms=_terms(options),
        kind=Kind(options["kind"]) if options["kind"] else None,
        email=options["email"],
        format=_format(options),
        persist=options["persist"],
        origin=License.Origin.CLI,
        channel=Channel.CLI,
        actor=actors.command_line(),
        at=clock.now(),
    )
    document = {**_issued(ensured.issued), "created": ensured.created}
    answer(stdout, document, [ensured.issued.text.rstrip("\n")], as_json=options["json"])


def renew(options: dict[str, Any], stdout: Any) -> None:
    """A26: a later end and a fresh text."""
    anchor, anchor_at = _anchor(options["anchor"])
    renewed = license_renew(
        license=_license(options),
        until=options["until"],
        months=options["months"],
        days=options["days"],
        anchor=anchor,
        anchor_at=anchor_at,
        reason=options["reason"],
        format=_format(options),
        persist=options["persist"],
        channel=Channel.CLI,
        actor=actors.command_line(),
        at=clock.now(),
    )
    ends = {
        "old_expires_at": stamp(renewed.renewal.old_expires_at),
        "new_expires_at": stamp(renewed.renewal.new_expires_at),
    }
    answer(
        stdout,
        {**_issued(renewed.issued), **ends},
        [renewed.issued.text.rstrip("\n")],
        as_json=options["json"],
    )


def change(service: Callable[..., License]) -> Callable[[dict[str, Any], Any], None]:
    """An action that gives a license another status, with a reason."""

    def run(options: dict[str, Any], stdout: Any) -> None:
        row = service(
            license=_license(options),
            reason=options["reason"],
            actor=actors.command_line(),
            at=clock.now(),
        )
        document = {"license": row.public_id, "status": str(row.status), "status_at": stamp(row.status_at)}
        answer(stdout, document, [f"{row.public_id} is {row.status}"], as_json=options["json"])

    return run


def show(options: dict[str, Any], stdout: Any) -> None:
    """Terms, state and issuances of a license; never the text itself."""
    row = _license(options)
    document = _described(row)
    issuances = [
        _issuance(issuance) for issuance in row.issuances.select_related("signing_key").order_by("pk")
    ]
    lines = [f"{name:<15}{'' if value is None else value}" for name, value in document.items()]
    lines += ["", f"{len(issuances)} issuances", *(_issuance_line(issuance) for issuance in issuances)]
    answer(stdout, {**document, "issuances": issuances}, lines, as_json=options["json"])


ACTIONS: dict[str, Callable[[dict[str, Any], Any], None]] = {
    "issue": issue,
    "renew": renew,
    "suspend": change(license_suspend),
    "reinstate": change(license_reinstate),
    "revoke": change(license_revoke),
    "show": show,
}


def _account(slug: str) -> Account:
    try:
        return account_by_slug(slug)
    except NotFound as error:
        raise UnknownAccount(f"There is no account {slug[:63]!r}. Create the account first.") from error


def _license(options: dict[str, Any]) -> License:
    operator = Principal(client="cli", actor=actors.command_line(), is_master=True)
    return selectors.license_get(options["license"], operator)


def _format(options: dict[str, Any]) -> Format | None:
    return Format(options["format"]) if options["format"] else None


def _anchor(text: str) -> tuple[RenewalAnchor, Any]:
    if text in {RenewalAnchor.OLD_END, RenewalAnchor.NOW}:
        return RenewalAnchor(text), None
    try:
        return RenewalAnchor.DATE, instant(text)
    except argparse.ArgumentTypeError as error:
        detail = "Give old_end, now or an RFC 3339 time."
        raise Invalid([FieldError("anchor", "bad_anchor", detail)]) from error


def _terms(options: dict[str, Any]) -> dict[str, Any]:
    terms = {name: options[name] for name in LIMITS if options[name] is not None}
    if options["expires"] is not None:
        terms["expires_at"] = options["expires"]
    if options["entitlement"] is not None:
        terms["entitlements"] = dict(_entitlement(text) for text in options["entitlement"])
    if options["comment"]:
        terms["comment"] = options["comment"]
    return terms


def _entitlement(text: str) -> tuple[str, Entitlement]:
    slug, given, value = text.partition("=")
    if not given:
        return slug, True
    digits = value.removeprefix("-")
    return slug, int(value) if digits.isascii() and digits.isdecimal() and len(digits) < len(
        str(2**53)
    ) else value


def _issued(issued: Issued) -> dict[str, Any]:
    return {"license": issued.issuance.license.public_id, **_issuance(issued.issuance), "text": issued.text}


def _issuance(issuance: Issuance) -> dict[str, Any]:
    return {
        "jti": issuance.jti_text,
        "format": str(issuance.format),
        "kid": issuance.signing_key.kid,
        "sha256": issuance.text_sha256,
        "cause": str(issuance.cause),
        "issued_at": stamp(issuance.issued_at),
        "expires_at": stamp(issuance.expires_at),
    }


def _issuance_line(issuance: dict[str, Any]) -> str:
    return "  ".join(str(issuance[name]) for name in ("issued_at", "jti", "format", "kid", "cause", "sha256"))


def _described(row: License) -> dict[str, Any]:
    return {
        "license": row.public_id,
        "account": row.account.slug,
        "customer_id": row.account.customer_id,
        **row.snapshot(),
        "entitlements": row.entitlements,
        "starts_at": stamp(row.starts_at),
        "expires_at": stamp(row.expires_at),
        "status": str(row.status),
        "status_reason": row.status_reason,
        "posture": str(posture_at(row, clock.now())),
        "origin": str(row.origin),
        "created_by": row.created_by,
        "created_at": stamp(row.created_at),
    }
