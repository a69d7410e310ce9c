"""Our own license over the API: for superadmins, and for no key."""

from __future__ import annotations

import pytest

from licenses.models import SelfLicense

pytestmark = [pytest.mark.django_db, pytest.mark.own_license]
URL = "/api/v1/self-license"


def test_without_a_license_the_tier_is_creator_with_its_caps(sysadmin, product):
    """C2, C18: null caps are no limit; here each has its number."""
    told = sysadmin.get(URL).json()
    assert (told["tier"], told["display_name"], told["next_tier"]) == ("creator", "Creator", "pro")
    assert told["caps"] == {
        "products": 5, "plans_per_product": 5, "active_coupons": 10, "merchant_profiles": 1, "recurring_plans": 0,
    }  # fmt: skip
    assert (told["usage"]["products"], told["usage"]["merchant_profiles"]) == (1, 1)
    assert told["guard"]["state"] == "unlicensed"
    assert told["upgrade_url"]


def test_the_top_tier_has_nothing_above_it(sysadmin, own_key):
    """C8, C18: activated over the API; next tier and upgrade address are null."""
    told = sysadmin.post(f"{URL}/activate", {"key": own_key("patron")[1]}).json()
    assert (told["tier"], told["next_tier"], told["upgrade_url"]) == ("patron", None, None)
    assert set(told["caps"].values()) == {None}
    assert told["sandbox"] is False


def test_a_test_key_is_a_sandbox(sysadmin, own_office, make_account, at):
    """C18."""
    from licenses.services.issuing import license_grant

    granted = license_grant(
        account=make_account("Sandbox"), plan=own_office.plans.get(slug="pro"), kind="test", origin="staff",
        channel="cli", actor="cli:test", at=at,
    )  # fmt: skip
    assert sysadmin.post(f"{URL}/activate", {"key": granted.issued.text}).json()["sandbox"] is True


def test_a_key_that_does_not_hold_is_a_400_and_changes_nothing(sysadmin, own_pro):
    """C8."""
    before = SelfLicense.objects.get().key_sha256
    answer = sysadmin.post(f"{URL}/activate", {"key": "LIC1-AAAA-BBBB"})
    assert (answer.status_code, answer.json()["code"]) == (400, "license_invalid")
    assert SelfLicense.objects.get().key_sha256 == before


def test_a_refresh_says_what_came_of_it(sysadmin, own_pro):
    """C5, C9."""
    assert sysadmin.post(f"{URL}/refresh").json()["outcome"] == "live"


@pytest.mark.parametrize("path", ["", "/activate", "/refresh"])
def test_strangers_and_api_keys_are_refused(path, api, back_office):
    """C8, C30: 401 without a credential; a key with every scope there is gets 403."""
    method = "get" if not path else "post"
    assert getattr(api, method)(URL + path).status_code == 401
    answer = getattr(back_office, method)(URL + path)
    assert (answer.status_code, answer.json()["code"]) == (403, "master_only")
