"""Usage and installations in the admin."""

from __future__ import annotations

import csv
from datetime import timedelta

import pytest
from django.urls import reverse

from licenses.admin.usage import summary_lines
from licenses.domain.heartbeats import Beat
from licenses.models import Installation, License
from licenses.services.activations import activation_take
from licenses.services.heartbeats import beat_apply

pytestmark = pytest.mark.django_db

USAGE = reverse("admin:licenses_licenseusage_changelist")
SUMMARY = reverse("admin:licenses_licenseusage_summary")
LIST = reverse("admin:licenses_installation_changelist")
VERSIONS = reverse("admin:licenses_installation_versions")


@pytest.fixture
def used(make_license, at):
    """A license for 25 seats, 4 nodes and 3 machines: two installations, one machine; and an unused one."""
    row = make_license(machines=3, collectors=5)
    for number, nodes in (("1", 2), ("2", 3)):
        beat = Beat(f"install-000{number}", f"2.{number}.0", "Linux", nodes, None, 6)
        beat_apply(license_pk=row.pk, beat=beat, at=at)
    activation_take(license_pk=row.pk, kind="machine", name="a", actor="cli:test", at=at)
    return row, make_license()


@pytest.fixture
def staff(signed_in, license_manager, clock):
    return signed_in(license_manager)


def read(answer) -> list[dict[str, str]]:
    return list(csv.DictReader(b"".join(answer.streaming_content).decode().splitlines()))


def test_granted_and_used_stand_side_by_side(staff, used):
    """D12: seats, nodes, collectors, machines, last seen, per license."""
    rows = {row.pk: row for row in staff.get(USAGE).context["cl"].result_list}
    row = rows[used[0].pk]
    assert (row.used_seats, row.used_nodes, row.used_machines, row.used_collectors) == (12, 5, 1, 0)
    page = staff.get(USAGE).content.decode()
    assert "12 of 25" in page
    assert 'class="sg-use sg-over">5 of 4' in page


def test_usage_is_exported_as_it_is_filtered(staff, used, customer):
    """D12: exportable."""
    url = reverse("admin:licenses_licenseusage_export")
    (line,) = read(staff.get(url, {"use": "seen"}))
    assert (line["Account"], line["Seats granted"], line["Seats used"]) == ("Acme", "25", "12")
    assert (line["Nodes used"], line["Machines used"], line["Installations"]) == ("5", "1", "2")
    assert line["Last seen"].startswith("2026-03-02")
    assert len(read(staff.get(url))) == 2


def test_usage_by_account_and_product(staff, used):
    """D12: per account and product, with the list behind each line."""
    (line,) = staff.get(SUMMARY).context["lines"]
    assert (line["licenses"], line["nodes_granted"], line["nodes_used"]) == (2, 8, 5)
    assert line["machines_granted"] is None or line["machines_used"] == 1
    assert staff.get(line["url"]).context["cl"].result_count == line["licenses"]
    (row,) = read(staff.get(reverse("admin:licenses_licenseusage_summary_file")))
    assert (row["Account"], row["Nodes used"]) == ("Acme", "5")


def test_over_the_cap_is_a_filter(staff, used):
    assert [row.pk for row in staff.get(USAGE, {"over": "nodes"}).context["cl"].result_list] == []
    beat = Beat("install-0001", "2.1.0", "Linux", 9)
    beat_apply(license_pk=used[0].pk, beat=beat, at=used[0].created_at + timedelta(hours=1))
    assert staff.get(USAGE, {"over": "nodes"}).context["cl"].result_count == 1


def test_the_list_of_usage_costs_the_same_however_long(
    staff, used, make_license, django_assert_max_num_queries
):
    for _ in range(5):
        make_license()
    staff.get(USAGE)
    with django_assert_max_num_queries(20):
        staff.get(USAGE)


def test_who_may_not_see_licenses_sees_no_usage(signed_in, make_user):
    browser = signed_in(make_user())
    pages = (USAGE, SUMMARY, LIST, VERSIONS, reverse("admin:licenses_licenseusage_summary_file"))
    assert {browser.get(page).status_code for page in pages} == {403}


def test_installations_are_listed_and_found(staff, used, at):
    assert staff.get(LIST).context["cl"].result_count == 2
    for query in ({"q": "install-0001"}, {"version": "2.1.0"}, {"q": used[0].public_id, "version": "2.1.0"}):
        (row,) = staff.get(LIST, query).context["cl"].result_list
        assert row.install_id == "install-0001"


def test_the_silent_ones_are_found(staff, used, clock):
    clock.advance(timedelta(days=8))
    assert staff.get(LIST, {"silent": "7"}).context["cl"].result_count == 2
    assert staff.get(LIST, {"silent": "30"}).context["cl"].result_count == 0
    numbers = staff.get(VERSIONS).context["silent"]
    for _days, count, url in numbers:
        assert staff.get(url).context["cl"].result_count == count


def test_what_was_set_aside_is_not_missed(staff, used, clock):
    """Nobody looks for an installation that was put out of use."""
    clock.advance(timedelta(days=8))
    Installation.objects.filter(pk=Installation.objects.first().pk).update(set_aside_at=clock.at)
    assert staff.get(LIST, {"silent": "7"}).context["cl"].result_count == 1
    assert staff.get(VERSIONS).context["silent"][0][1] == 1


def test_versions_are_counted_and_lead_to_their_list(staff, used):
    spread = staff.get(VERSIONS).context["spread"]
    assert [(line.version, line.count) for line in spread] == [("2.1.0", 1), ("2.2.0", 1)]
    for line in spread:
        assert staff.get(line.url).context["cl"].result_count == line.count


def test_adoption_is_drawn_by_day(staff, used, at):
    chart = staff.get(VERSIONS).context["chart"]
    assert len(chart) == 30
    assert (chart[-1].on, chart[-1].total) == (at.date(), 2)
    assert [band.height for band in chart[-1].bands] == [50.0, 50.0]


def test_nothing_reported_yet_is_said(staff):
    assert "No installation has reported yet" in staff.get(VERSIONS).content.decode()


def test_a_line_of_the_summary_leads_to_as_many_licenses(staff, make_license, at):
    """D12: neither ended nor suspended ones, as in the sum."""
    for days, status in ((30, "active"), (30, "suspended"), (400, "active")):
        row = make_license(days=days)
        License.objects.filter(pk=row.pk).update(status=status)
    ended = make_license(days=30)
    License.objects.filter(pk=ended.pk).update(
        starts_at=at - timedelta(days=60), expires_at=at - timedelta(days=1)
    )
    (line,) = summary_lines()
    assert line["licenses"] == staff.get(line["url"]).context["cl"].result_count == 2
