"""Staff at their desks, and a license that has a key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse


@pytest.fixture
def page() -> Callable[..., str]:
    """Return the address of a row's page: `page(license_)`, `page(license_, "renew")`."""

    def address(row: Any, name: str = "change") -> str:
        meta = row._meta
        return reverse(f"admin:{meta.app_label}_{meta.model_name}_{name}", args=[row.pk])

    return address


@pytest.fixture
def tab(page) -> Callable[..., str]:
    """Return the address of a tab: `tab(license_, "files")`, `tab(license_, "issuances", inspect=3)`."""

    def address(row: Any, slug: str, **more: Any) -> str:
        return f"{page(row)}?{urlencode({'tab': slug, **more}, doseq=True)}"

    return address


@pytest.fixture
def as_role(make_user, signed_in) -> Callable[[str], Client]:
    """Return a maker of browsers: `as_role("billing")`."""
    return lambda role: signed_in(make_user(role))


@pytest.fixture
def root(signed_in, superadmin, clock) -> Client:
    return signed_in(superadmin)


@pytest.fixture
def manager(signed_in, license_manager, clock) -> Client:
    return signed_in(license_manager)


@pytest.fixture
def tester(signed_in, issuer, clock) -> Client:
    """May make test keys, and no others."""
    return signed_in(issuer)


@pytest.fixture
def looker(signed_in, auditor, clock) -> Client:
    """Sees everything, changes nothing, reads no key."""
    return signed_in(auditor)


@pytest.fixture
def license_(granted):
    """A commercial license of Acme for a year, with its first key."""
    return granted.license


@pytest.fixture
def filled_in(customer, enterprise, signing) -> Callable[..., dict[str, Any]]:
    """Return what the form of a new license posts: `filled_in(seats=5)`."""

    def make(**fields: Any) -> dict[str, Any]:
        return {"account": customer.pk, "plan": enterprise.pk, "persist": "on", **fields}

    return make
