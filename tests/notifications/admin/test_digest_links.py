"""The numbers of a digest lead to lists of the admin that hold as many."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from notifications.digest_content import content_of, context_of

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def ends(make_ending, trial):
    """Licenses around every edge of a day in Auckland, thirteen hours ahead of `at`'s zone."""
    for delta in (-2 * DAY, HOUR, 2 * HOUR, 13 * HOUR, DAY, 7 * DAY, 8 * DAY, 29 * DAY, 30 * DAY, 31 * DAY):
        make_ending(delta)
    make_ending(2 * HOUR, kind="test")
    make_ending(9 * DAY, plan=trial)
    make_ending(3 * DAY, internal=True)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"include_internal": True},
        {"kinds": ["commercial", "test"]},
        {"kinds": ["trial"], "include_internal": True, "days_ahead": 10},
    ],
)
@pytest.mark.usefixtures("ends")
def test_every_number_leads_to_as_many_licenses(make_digest, signed_in, superadmin, clock, at, fields):
    """D13: links into the admin to the filtered list."""
    digest = make_digest(zone="Pacific/Auckland", created_at=at - 5 * DAY, **fields)
    browser = signed_in(superadmin)
    context = context_of(digest, content_of(digest, day=date(2026, 3, 2), at=at), at=at)

    links = [(row["url"], row["count"]) for row in context["summary"]]
    links += [(cell["url"], cell["count"]) for row in context["summary"] for cell in row["cells"]]
    links.append((context["list_url"], context["total"]))
    for url, count in links:
        page = browser.get(url.removeprefix("http://testserver"))
        assert page.status_code == 200, url
        assert page.context_data["cl"].queryset.count() == count, url
