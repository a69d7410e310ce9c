"""Every address of the admin, asked for a row that cannot be."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import transaction
from django.test import Client
from django.urls import URLPattern, get_resolver

GIVEN = {"int": ["9" * 30], "path": ["abc", "9" * 30, "a/b", "-1"], "str": ["abc"], "slug": ["abc"]}


def addresses() -> Iterator[str]:
    """Every address of the admin that names a row, with a name that no row has."""
    (admin,) = [found for found in get_resolver().url_patterns if str(found.pattern) == "admin/"]
    for pattern in admin.url_patterns:
        for found in getattr(pattern, "url_patterns", [pattern]):
            yield from _filled(str(pattern.pattern) if found is not pattern else "", found)


def _filled(before: str, found: URLPattern) -> Iterator[str]:
    converters = found.pattern.converters
    route = before + str(found.pattern)
    for number in range(4) if converters else ():
        filled = route
        for name, converter in converters.items():
            kind = type(converter).__name__.removesuffix("Converter").lower()
            values = GIVEN.get(kind, ["abc"])
            filled = filled.replace(f"<{kind}:{name}>", values[number % len(values)])
        yield f"/admin/{filled}"


def test_a_row_that_cannot_be_is_no_fault_of_ours(signed_in, superadmin, crm_shown):
    """Trust: no 5xx for any input from outside."""
    browser = signed_in(superadmin)
    browser.raise_request_exception = False
    asked = sorted(set(addresses()))
    assert "/admin/history/event/abc/proof/" in asked
    assert _faults(browser, asked) == []


def _faults(browser: Client, asked: list[str]) -> list[str]:
    found = []
    for address in asked:
        for method in (browser.get, browser.post):
            with transaction.atomic():
                if method(address).status_code >= 500:
                    found.append(f"{method.__name__} {address}")
                transaction.set_rollback(True)
    return found
