"""`manage.py selflicense`, and the two minutes from nothing to the tier Pro."""

from __future__ import annotations

import pytest

from licenses.models import SelfLicense
from licenses.services.keys import key_activate, key_import

pytestmark = [pytest.mark.django_db, pytest.mark.own_license]


@pytest.fixture
def fresh(rsa_pem, clock):
    """An installation as its first start leaves it: a key that signs, no license."""
    key = key_import(pem=rsa_pem, actor="cli:test", at=clock.at)
    key_activate(key=key, force=True, actor="cli:test", at=clock.at)


def test_two_minutes_from_creator_to_pro(run, fresh, tmp_path):
    """C2, C8, C18: bootstrap, issue, activate, as docs/self-license.md says."""
    assert run("selflicense", "status", "--json").json["tier"] == "creator"
    made = run("selflicense", "bootstrap", "--json").json
    assert made["plans"] == ["creator", "pro", "patron"]
    issued = run(
        "license", "issue", "--product-key", made["product_key"], "--plan", "pro", "--group", made["group"]
    )
    (tmp_path / "own.key").write_text(issued.out)
    told = run("selflicense", "activate", str(tmp_path / "own.key"), "--json").json
    assert (told["tier"], told["guard"]["state"]) == ("pro", "valid")
    assert "crm" in told["entitlements"]
    assert "Tier      Pro" in run("selflicense", "status").out


def test_making_a_master_twice_changes_nothing(run, fresh):
    run("selflicense", "bootstrap")
    assert run("selflicense", "bootstrap", "--json").json["plans"] == []


def test_a_key_that_does_not_hold_is_refused_with_its_code(run, fresh):
    """C8."""
    done = run("selflicense", "activate", "-", stdin=b"no key")
    assert (done.code, done.err.partition(":")[0]) == (1, "license_invalid")
    assert not SelfLicense.objects.exists()


def test_removing_the_key_and_refreshing_without_one(run, fresh):
    assert run("selflicense", "remove", "--json").json["tier"] == "creator"
    assert run("selflicense", "refresh", "--json").code == 0
