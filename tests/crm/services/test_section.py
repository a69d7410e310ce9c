"""The section is there only while it is switched on and our own license carries it."""

from __future__ import annotations

import pytest

from crm.errors import NotEntitled
from crm.gate import is_shown
from crm.services.section import section_activate, section_deactivate
from history.models import Event

pytestmark = pytest.mark.django_db
BY = {"actor": "user:1"}


def test_without_the_entitlement_it_cannot_be_switched_on(at):
    """D17."""
    with pytest.raises(NotEntitled):
        section_activate(**BY, at=at)
    assert not is_shown()


def test_switching_on_and_off_is_one_event_each_and_loses_nothing(granted, make_person, at):
    """D17."""
    make_person()
    for _ in range(2):
        section_activate(**BY, at=at)
    assert is_shown()
    for _ in range(2):
        section_deactivate(**BY, at=at)
    assert not is_shown()
    section_activate(**BY, at=at)
    kinds = Event.objects.filter(kind__startswith="section.").order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["section.activated", "section.deactivated", "section.activated"]


def test_when_the_live_entitlement_goes_the_section_goes_too(crm_on, own_license_grants):
    """D17: and it comes back with it, without being switched on again."""
    assert is_shown()
    own_license_grants("unlimited_products")
    assert not is_shown()
    own_license_grants("crm")
    assert is_shown()


@pytest.mark.own_license
def test_a_key_whose_row_lacks_the_crm_does_not_take_the_place_of_the_one_in_force(own_pro, own_key, at):
    """D17, C8: decided on the row within the signed set, before the key is taken."""
    from licenses.models import License, SelfLicense

    before = SelfLicense.objects.get().key_sha256
    row, text = own_key("patron")
    narrowed = {name: value for name, value in row.entitlements.items() if name != "crm"}
    License.objects.filter(pk=row.pk).update(entitlements=narrowed)
    with pytest.raises(NotEntitled):
        section_activate(text=text, **BY, at=at)
    assert SelfLicense.objects.get().key_sha256 == before
    assert not is_shown()
    License.objects.filter(pk=row.pk).update(entitlements={**narrowed, "crm": True})
    section_activate(text=text, **BY, at=at)
    assert is_shown()
