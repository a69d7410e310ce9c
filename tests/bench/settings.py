"""The product's settings, with the floor views beside it and no limits in the way."""

from __future__ import annotations

from config.settings import *  # noqa: F403 - the product as it is

INSTALLED_APPS = [
    *INSTALLED_APPS,  # noqa: F405 - of the star above
    "tests.bench.floor.FloorConfig",
    "tests.bench.signals_floor.SignalsFloorConfig",
    "tests.bench.billing_floor.BillingFloorConfig",
]
ROOT_URLCONF = "tests.bench.urls"
VALIDATION_LIMIT = API_LIMIT = API_ANONYMOUS_LIMIT = "1000000000/min"
ALLOWED_HOSTS = ["*"]
