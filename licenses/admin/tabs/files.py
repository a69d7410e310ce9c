"""What can be downloaded of a license: each key that was kept, the public key, and how to check them offline."""

from __future__ import annotations

from dataclasses import dataclass
from shlex import quote
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from licenses.admin.key_sight import may_see_keys
from licenses.admin.parts import Tab, tab_register
from licenses.domain.enums import Algorithm, Format
from licenses.models import Issuance, License
from licenses.selectors import PUBLISHED
from licenses.services.artifacts import artifact_filename

SHOWN = 50
# base64url to base64, with the padding that a token leaves out
UNBASE64 = (
    "unb64() { tr -- '-_' '+/' | awk '{ while (length($0) % 4) $0 = $0 \"=\"; print }' "
    "| openssl base64 -d -A; }"
)


@dataclass(frozen=True, slots=True)
class File:
    """A kept key under the name that it is downloaded by."""

    issuance: Issuance
    name: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """Commands that check a file offline; `key` is an element's id, for the button that copies them."""

    key: str
    title: str
    text: str


def content(request: HttpRequest, row: License) -> dict[str, Any]:
    """The kept keys, newest first, and recipes for the newest."""
    files = [File(each, artifact_filename(each)) for each in _kept(row)]
    newest = files[0] if files else None
    return {
        "newest": newest,
        "earlier": files[1:SHOWN],
        "more": len(files) > SHOWN,
        "may_see_key": may_see_keys(request, [row.kind]),
        "published": newest is not None and newest.issuance.signing_key.state in PUBLISHED,
        "pem_url": pem_url(newest.issuance) if newest else "",
        "jwks_url": _address(reverse("jwks")),
        "recipes": recipes(newest) if newest else (),
        "unkept": not files and row.issuances.exists(),
    }


def _kept(row: License) -> list[Issuance]:
    rows = row.issuances.filter(artifact__isnull=False).select_related("signing_key")
    found = list(rows.defer("artifact", "claims", "signing_key__private_sealed").order_by("-id")[: SHOWN + 1])
    for issuance in found:
        issuance.license = row
    return found


def _address(path: str) -> str:
    return f"{settings.BASE_URL}{path}"


def pem_url(issuance: Issuance) -> str:
    """Where the public key of an issuance is published."""
    path = reverse("public-pem", args=[issuance.license.product.product_key])
    return _address(f"{path}?{urlencode({'kid': issuance.signing_key.kid})}")


def recipes(file: File) -> tuple[Recipe, ...]:
    """The commands for one file: with openssl where the format lets it, and with our own verifier."""
    ours = (
        f"curl -fsS {quote(_address(reverse('jwks')))} -o jwks.json",
        f"python manage.py license verify --jwks jwks.json --token {quote(file.name)}",
    )
    own = Recipe("verify-own", "With Signet's own verifier, without a database or network", "\n".join(ours))
    lines = _openssl(file)
    if not lines:
        return (own,)
    fetch = f"curl -fsS {quote(pem_url(file.issuance))} -o key.pem"
    return (Recipe("verify-openssl", "With openssl, by anybody", "\n".join((fetch, *lines))), own)


def _openssl(file: File) -> tuple[str, ...]:
    name, issuance = quote(file.name), file.issuance
    match Format(issuance.format):
        case Format.JWT:
            return (
                UNBASE64,
                f"IFS=. read -r head body tail < {name}",
                """printf '%s.%s' "$head" "$body" > signed""",
                """printf '%s\\n' "$tail" | unb64 > signature""",
                _check(Algorithm(issuance.signing_key.algorithm), "signed"),
                """printf '%s\\n' "$body" | unb64""",
            )
        case Format.ENVELOPE:
            return (
                rf"""sed 's/.*"payload":"\([^"]*\)".*/\1/' {name} | openssl base64 -d -A > payload""",
                rf"""sed 's/.*"signature":"\([^"]*\)".*/\1/' {name} | openssl base64 -d -A > signature""",
                _check(Algorithm(issuance.signing_key.algorithm), "payload"),
                "cat payload",
            )
    return ()  # LIC1: base32, which openssl does not read


def _check(algorithm: Algorithm, signed: str) -> str:
    if algorithm is Algorithm.RS256:
        return f"openssl dgst -sha256 -verify key.pem -signature signature {signed}"
    return f"openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in {signed} -sigfile signature"


tab_register(
    Tab(
        slug="files", title="Files", order=60, template="admin/signet/license_files.html", content=content,
        allowed=lambda request: request.user.has_perm("licenses.view_issuance"),
    )
)  # fmt: skip
