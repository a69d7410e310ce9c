"""What the tests of the API share: a standing clock, and short ways to say what a call asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

V1 = "/api/v1"


@pytest.fixture(autouse=True)
def _standing_clock(clock) -> None:
    """Licenses of the tests start at `at`, and so does every request."""


@pytest.fixture
def body(customer, enterprise, signing) -> Callable[..., dict[str, Any]]:
    """Return a maker of bodies for `POST /licenses`: `body(seats=5)`."""

    def make(**more: Any) -> dict[str, Any]:
        return {"account": customer.slug, "product_key": "demo", "plan": enterprise.slug, **more}

    return make


@pytest.fixture
def create(storefront, body) -> Callable[..., Any]:
    """Return a caller of `POST /licenses` that expects 201: `create(seats=5)` gives the answer's JSON."""

    def make(**more: Any) -> Any:
        answer = storefront.post(f"{V1}/licenses", body(**more))
        assert answer.status_code == 201, answer.content
        return answer.json()

    return make


@pytest.fixture
def codes() -> Callable[[Any], dict[str, str]]:
    """Return a reader of refused fields: pointer to code."""

    def read(answer: Any) -> dict[str, str]:
        return {error["pointer"]: error["code"] for error in answer.json()["errors"]}

    return read


@pytest.fixture
def stranger(api, make_key, prospect) -> Any:
    """A key bound to another account, with every scope a key can have."""
    return api.as_(make_key("full-admin", account=prospect))


@pytest.fixture
def member(api, make_key, customer) -> Any:
    """A key bound to the customer's account."""
    return api.as_(make_key("full-admin", account=customer))


@pytest.fixture
def url(granted) -> Callable[..., str]:
    """Return paths of a license that exists: `url("renew")`."""

    def make(step: str = "") -> str:
        return f"{V1}/licenses/{granted.license.public_id}" + (f"/{step}" if step else "")

    return make
