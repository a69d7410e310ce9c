"""Where a license runs, what is used of it, and who holds a place."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

import pytest
from django.urls import reverse

from history.models import Event
from licenses.domain.claims import fingerprint_hash
from licenses.domain.heartbeats import Beat
from licenses.models import Activation, Installation
from licenses.services.activations import activation_take
from licenses.services.heartbeats import beat_apply

pytestmark = pytest.mark.django_db


@pytest.fixture
def beat(license_, at):
    """Return what an installation says: `beat("install-0001", nodes=3)`."""

    def say(name, *, nodes=1, seats=None, when=at):
        said = Beat(name, version="2.4.1", operating_system="Linux 6.1", nodes=nodes, seats_used=seats)
        beat_apply(license_pk=license_.pk, beat=said, at=when)
        return Installation.objects.get(install_id=name)

    return say


@pytest.fixture
def take(make_license, at):
    """Return a taker of places under a license for two machines: `take("host-1")`."""
    row = make_license(machines=2)

    def do(name, **more):
        given = {"kind": "machine", "name": name, "actor": "license:x", "at": at, **more}
        return activation_take(license_pk=row.pk, **given).activation

    return do


def bars(browser, address):
    return {bar.name: (bar.words, bar.percent, bar.tone) for bar in browser.get(address).context["bars"]}


def test_granted_and_used_stand_side_by_side(looker, license_, beat, tab):
    """D12: seats, nodes, machines and collectors, and when it was last heard of."""
    beat("install-0001", nodes=2, seats=10)
    beat("install-0002", nodes=1, seats=3)
    assert bars(looker, tab(license_, "installations")) == {
        "Seats": ("13 of 25", 52, ""),
        "Nodes": ("3 of 4", 75, ""),
        "Machines": ("0 of 1", 0, ""),
        "Collectors": ("0 used, unlimited", None, ""),
    }
    text = looker.get(tab(license_, "installations")).content.decode()
    for words in ("install-0001", "2.4.1", "Linux 6.1", "2 installations counted", "2026-03-02 09:30 UTC"):
        assert words in text


def test_what_nobody_reported_is_not_called_unused(looker, license_, beat, tab):
    """D12"""
    beat("install-0001", nodes=4)
    shown = bars(looker, tab(license_, "installations"))
    assert shown["Seats"] == ("25 granted; nothing reported yet", None, "")
    assert shown["Nodes"] == ("4 of 4", 100, "warning")


def test_more_than_granted_is_loud_and_since_when_stands_there(looker, license_, beat, tab):
    """A15, D12"""
    beat("install-0001", nodes=9)
    assert bars(looker, tab(license_, "installations"))["Nodes"] == ("9 of 4, over the limit", 100, "danger")
    assert (
        "over its cap since 2026-03-02, quiet" in looker.get(tab(license_, "installations")).content.decode()
    )


def test_setting_aside_takes_an_installation_out_of_the_sums(
    manager, license_manager, license_, beat, tab, at
):
    """D12: and its next heartbeat takes it back."""
    row = beat("install-0001", nodes=9)
    url = reverse("admin:licenses_license_installation_aside", args=[license_.pk, row.pk])
    assert "no longer counted" in manager.get(url).content.decode()
    assert manager.post(url).status_code == 302
    assert bars(manager, tab(license_, "installations"))["Nodes"][0] == "4 granted; nothing reported yet"
    kinds = Event.objects.filter(actor=f"user:{license_manager.pk}").values_list("kind", flat=True)
    assert set(kinds) == {"installation.changed", "node_cap.cleared"}
    beat("install-0001", nodes=1, when=at + timedelta(hours=1))
    assert bars(manager, tab(license_, "installations"))["Nodes"][0] == "1 of 4"


def test_setting_aside_twice_is_refused(manager, license_, beat):
    row = beat("install-0001")
    url = reverse("admin:licenses_license_installation_aside", args=[license_.pk, row.pk])
    manager.post(url)
    assert "set aside before" in str(manager.post(url).context["form"].errors)


def test_the_place_of_a_machine_is_released(manager, take, tab, at):
    """C24: an administrator can free a seat."""
    place = take("host-1", label="Build server")
    row = place.license
    assert bars(manager, tab(row, "installations"))["Machines"][0] == "1 of 2"
    url = reverse("admin:licenses_license_activation_release", args=[row.pk, place.pk])
    assert "Build server" in manager.get(url).content.decode()
    assert manager.post(url).status_code == 302
    place.refresh_from_db()
    assert place.released_at == at
    assert bars(manager, tab(row, "installations"))["Machines"][0] == "0 of 2"


def test_more_places_than_shown_are_said_and_found(manager, make_license, tab, at, monkeypatch):
    """C24: each can be freed, however many there are."""
    monkeypatch.setattr("licenses.admin.tabs.installations.SHOWN", 2)
    row = make_license(machines=9)
    for number in range(3):
        activation_take(
            license_pk=row.pk, kind="machine", name=f"host-{number}", label=f"Press {number}", actor="license:x",
            at=at,
        )  # fmt: skip
    address = tab(row, "installations")
    text = manager.get(address).content.decode()
    assert 'id="more-places"' in text
    assert '<input type="hidden" name="tab" value="installations">' in text
    for wanted in ("press 2", "host-2", fingerprint_hash("host-2")[:12]):
        found = manager.get(f"{address}&place={quote(wanted)}").context["activations"]
        assert [place.label for place in found] == ["Press 2"]
    assert "No place is held by that name" in manager.get(f"{address}&place=nobody").content.decode()


def test_a_place_that_is_checked_out_is_released_with_a_warning(manager, take, signing, at):
    """C24: staff may; the machine can go on with what it holds."""
    place = take("host-1", offline=timedelta(days=30))
    url = reverse("admin:licenses_license_activation_release", args=[place.license_id, place.pk])
    assert "until 2026-04-01 09:30 UTC it can go on" in manager.get(url).content.decode()
    assert manager.post(url).status_code == 302


def test_releasing_twice_is_refused(manager, take):
    place = take("host-1")
    url = reverse("admin:licenses_license_activation_release", args=[place.license_id, place.pk])
    manager.post(url)
    assert "holds no place" in str(manager.post(url).context["form"].errors)


@pytest.mark.parametrize(
    ("role", "status"), [("support", 200), ("customer success", 200), ("billing", 403), ("auditor", 403)]
)
def test_who_may_set_aside_and_release(as_role, license_, beat, take, tab, role, status):
    """D15: no link, and 403."""
    browser, row, place = as_role(role), beat("install-0001"), take("host-1")
    aside = reverse("admin:licenses_license_installation_aside", args=[license_.pk, row.pk])
    release = reverse("admin:licenses_license_activation_release", args=[place.license_id, place.pk])
    assert [browser.get(aside).status_code, browser.get(release).status_code] == [status, status]
    assert (aside in browser.get(tab(license_, "installations")).content.decode()) is (status == 200)
    assert (release in browser.get(tab(place.license, "installations")).content.decode()) is (status == 200)


def test_what_belongs_to_another_license_is_not_found(manager, license_, make_license, beat, take):
    other = make_license()
    for name, pk in (
        ("installation_aside", beat("install-0001").pk),
        ("activation_release", take("host-1").pk),
    ):
        assert manager.post(reverse(f"admin:licenses_license_{name}", args=[other.pk, pk])).status_code == 404
    assert not Activation.objects.exclude(released_at=None).exists()
