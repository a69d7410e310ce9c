"""Settings that no installation can mean are refused at the start, each in a sentence (E5)."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError

from config import catalogue, conf
from config.management.commands.up import claim_folder


def test_a_negative_number_is_refused_by_name():
    configuration = conf.Configuration(catalogue.SETTINGS, {"SIGNET_GRACE_DAYS": "-3"})
    with pytest.raises(ImproperlyConfigured, match="SIGNET_GRACE_DAYS"):
        configuration.read("GRACE_DAYS")


@pytest.mark.parametrize("value", ["10perhour", "10/fortnight", "0/min", "-1/min", "", "1.5/min"])
def test_a_rate_that_is_none_is_refused_by_name(value):
    with pytest.raises(ImproperlyConfigured, match="SIGNET_API_LIMIT"):
        conf.demand_rate("SIGNET_API_LIMIT", value)


def test_a_rate_is_a_number_and_a_period():
    conf.demand_rate("SIGNET_API_LIMIT", "600/min")


@pytest.mark.parametrize(("max_age", "ahead"), [(3600, 3600), (7200, 3600), (0, 0)])
def test_public_keys_are_not_cached_for_longer_than_a_key_is_published_ahead(max_age, ahead):
    """Trust: cache headers shorter than the publish-ahead time, or the rotation meets `kid_unknown`."""
    with pytest.raises(ImproperlyConfigured, match="SIGNET_JWKS_MAX_AGE_SECONDS"):
        conf.demand_caches_end(max_age, ahead)
    conf.demand_caches_end(300, 301)


def test_a_data_folder_serves_one_at_a_time(tmp_path):
    held = claim_folder(tmp_path)
    with pytest.raises(CommandError, match="already"):
        claim_folder(tmp_path)
    held.close()
    claim_folder(tmp_path).close()
