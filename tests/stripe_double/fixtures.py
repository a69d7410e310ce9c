"""The fixture `stripe`: import it into a conftest."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.stripe_double.driver import KEY, SECONDS, SECRET, Stripe, start


@pytest.fixture(scope="session")
def stripe_address() -> Iterator[str]:
    """One double for the whole run, on a free port."""
    process, base = start()
    yield base
    process.terminate()
    process.wait(timeout=SECONDS)
    process.stdout.close()


@pytest.fixture
def stripe(stripe_address, socket_enabled, settings, request) -> Stripe:
    """An empty Stripe, of which the settings know. See `tests/stripe_double/driver.py`.

    Its clock stands at the instant `at` of the test, unless a real server runs in it.
    """
    settings.STRIPE_API_BASE = stripe_address
    settings.STRIPE_API_KEY = KEY
    settings.STRIPE_WEBHOOK_SECRETS = [SECRET]
    double = Stripe(stripe_address)
    double.reset()
    if "live_server" not in request.fixturenames:
        double.stand(request.getfixturevalue("at"))
    return double
