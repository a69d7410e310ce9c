"""A program that anybody may try `demo` under, and people who ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.licenses.conftest import *  # noqa: F403 - trials stand on a license office

ACTOR = "cli:test"


@pytest.fixture
def make_program(product, trial, at) -> Callable[..., Any]:
    """Return a maker of programs: `make_program("quick", verify_address=True)`."""
    from trials.services.programs import program_create

    def make(slug: str = "demo-trial", **fields: Any):
        given = {"name": slug.title(), "product": product, "plan": trial, "public": True, "default": False}
        return program_create(slug=slug, **{**given, **fields}, actor=ACTOR, at=at)

    return make


@pytest.fixture
def program(make_program, signing):
    """Self-serve, public, the shape of A22, and an office that can sign."""
    return make_program(default=True)


@pytest.fixture
def ask(at) -> Callable[..., Any]:
    """Return a requester whom a storefront vouches for: `ask(program, "ada@acme.example")` gives Requested."""
    from trials.services.requesting import Asking, trial_request

    def make(
        program: Any,
        email: str = "ada@initech.example",
        *,
        account: Any = None,
        when: Any = None,
        **said: Any,
    ):
        asking = Asking(email=email, **{"trusted": True, **said})
        return trial_request(
            program=program, asking=asking, account=account, actor="api-key:shop", at=when or at
        )

    return make


@pytest.fixture
def running(program, ask):
    """A trial that has just begun."""
    return ask(program).granted.trial
