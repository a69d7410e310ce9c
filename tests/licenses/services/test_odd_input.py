"""Input at the edge of what can be said: refused at its field, never a fault."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from config.kit.errors import Invalid
from licenses.models import License, Product
from licenses.services.catalogue import product_create

ACTOR = "cli:test"


@pytest.mark.parametrize("key", ["sk_live_abcdef", "lic1-abc", ""])
def test_a_product_key_that_looks_like_a_secret_is_refused_at_its_field(db, at, key):
    """Its name would stand in the history for ever."""
    with pytest.raises(Invalid) as refused:
        product_create(product_key=key, name="Demo", actor=ACTOR, at=at)
    assert "product_key" in {error.field for error in refused.value.errors}
    assert not Product.objects.exists()


@pytest.mark.parametrize("url", ["http://[", "javascript:alert(1)", "ftp://example.com", "https://"])
def test_an_address_for_online_validation_is_a_web_address(make_license, url):
    """D20"""
    with pytest.raises(Invalid) as refused:
        make_license(prefer_online=True, online_url=url)
    assert [error.field for error in refused.value.errors] == ["online_url"]
    assert not License.objects.exists()


def test_a_term_beyond_the_calendar_is_refused(make_license):
    """C19: a term that no date can end."""
    with pytest.raises(Invalid):
        make_license(starts_at=datetime(9999, 12, 1, tzinfo=UTC), days=365)


def test_a_license_may_end_on_the_last_day_there_is(make_license, issue):
    """A9: its grace has no room, which is no reason to fail."""
    row = make_license(expires_at=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
    assert issue(row).text
