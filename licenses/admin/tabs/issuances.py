"""The keys that were signed for a license: a list, the claims of one, and what differs between two."""

from __future__ import annotations

import json
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import BooleanField, Case, Value, When
from django.http import HttpRequest

from licenses.admin.parts import Tab, tab_register, tab_url
from licenses.admin.people import names_of
from licenses.domain.claim_words import claim_lines, claim_pairs
from licenses.models import Issuance, License

SLUG = "issuances"
PAGE = 50
MOST_NAMED = 50
TWO = 2
TURN = "to"  # the page that one turns to, with what is chosen so far
LONGEST_KEY = 18


def content(request: HttpRequest, row: License) -> dict[str, Any]:
    """A page of the list; above it what was asked to be looked at or compared."""
    page = _page(request, row)
    names = names_of(issuance.actor for issuance in page.object_list)
    picked = _picked(request, row, "pick")
    shown = {issuance.pk for issuance in page.object_list}
    url = tab_url(row, SLUG)
    return {
        "page": page,
        "elsewhere": [issuance for issuance in picked if issuance.pk not in shown],
        "lines": [(issuance, names[issuance.actor]) for issuance in page.object_list],
        "picked": {issuance.pk for issuance in picked},
        "url": url,
        "compared": _compared(picked) if len(picked) == TWO else None,
        "miscounted": TURN not in request.GET and "pick" in request.GET and len(picked) != TWO,
        "inspected": _inspected(next(iter(_picked(request, row, "inspect")), None)),
    }


def _page(request: HttpRequest, row: License) -> Page[Any]:
    kept = Case(
        When(artifact__isnull=False, then=Value(True)), default=Value(False), output_field=BooleanField()
    )
    rows = (
        Issuance.objects.filter(license=row)
        .annotate(kept=kept)
        .defer("claims", "artifact", "signing_key__private_sealed")
    )
    return Paginator(rows.select_related("signing_key").order_by("-id"), PAGE).get_page(
        request.GET.get(TURN) or request.GET.get("page")
    )


def _picked(request: HttpRequest, row: License, name: str) -> list[Issuance]:
    """The issuances of this license that the address names, oldest first."""
    keys = {
        int(text)
        for text in request.GET.getlist(name)[:MOST_NAMED]
        if text.isdecimal() and len(text) <= LONGEST_KEY
    }
    if not keys:
        return []
    rows = Issuance.objects.filter(license=row, pk__in=keys).defer("artifact", "signing_key__private_sealed")
    return list(rows.select_related("signing_key").order_by("id"))


def _compared(picked: list[Issuance]) -> dict[str, Any]:
    """Two keys side by side: what differs in words, and every claim of both."""
    before, after = picked
    pairs = claim_pairs(before.claims, after.claims)
    says = [pair.says for pair in pairs if pair.says]
    if before.format != after.format:
        says.append(f"Format: {before.get_format_display()} → {after.get_format_display()}.")
    if before.signing_key_id != after.signing_key_id:
        says.append(f"Signed by: {before.signing_key.kid} → {after.signing_key.kid}.")
    return {"before": before, "after": after, "pairs": pairs, "says": says}


def _inspected(issuance: Issuance | None) -> dict[str, Any] | None:
    if issuance is None:
        return None
    raw = json.dumps(issuance.claims, indent=2, ensure_ascii=False)
    return {"issuance": issuance, "claims": claim_lines(issuance.claims), "raw": raw}


tab_register(
    Tab(
        slug=SLUG, title="Issuances", order=30, template="admin/signet/license_issuances.html", content=content,
        allowed=lambda request: request.user.has_perm("licenses.view_issuance"),
    )
)  # fmt: skip
