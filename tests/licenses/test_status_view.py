from __future__ import annotations

import json
from datetime import timedelta
from html import escape
from html.parser import HTMLParser

import pytest

from licenses.domain.enums import DeploymentKind
from licenses.domain.status import as_json, page, status

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
ENTERPRISE, COMMUNITY = DeploymentKind.ENTERPRISE, DeploymentKind.COMMUNITY


@pytest.fixture
def view(make_license, issue, verified, at):
    """Return the view of a license that ends in so many days, or of none."""
    row = make_license()
    text = issue(row).text

    def make(days_before_end: float | None, *, deployment=ENTERPRISE, text=text):
        if days_before_end is None:
            return status(None, deployment=deployment, now=at)
        now = row.expires_at - days_before_end * DAY
        return status(verified(text, now=now), deployment=deployment, now=now)

    return make


@pytest.mark.parametrize(
    ("days", "state", "level", "writes"),
    [
        (200, "valid", "none", True),
        (10, "valid", "warning", True),
        (-3, "grace", "warning", True),
        (-20, "read_only", "error", False),
    ],
)
def test_the_view_follows_the_posture(view, days, state, level, writes):
    """A12: valid, expired, grace, read-only, with warning and error; A8 to A10."""
    found = view(days)
    assert (found.state, found.level, found.writes_allowed) == (state, level, writes)
    assert (found.warning is not None) is (level == "warning")
    assert found.expired is (days < 0)


def test_without_a_license_a_community_deployment_is_a_trial(view):
    """A7."""
    found = view(None, deployment=COMMUNITY)
    assert (found.state, found.level, found.writes_allowed, found.license_required) == (
        "trial",
        "info",
        True,
        False,
    )


def test_without_a_license_an_enterprise_deployment_demands_one(view):
    """A7."""
    found = view(None)
    assert (found.code, found.license_required, found.writes_allowed) == ("license_required", True, False)


def test_a_key_that_does_not_hold_says_why(view):
    """A11: the operator sees the error text."""
    found = view(200, text="eyJhbGciOiJub25lIn0.e30.")
    assert found.state == "invalid"
    assert found.error
    assert escape(found.error) in page(found)


def test_the_view_says_who_and_how_much(view, customer):
    """A12: edition, customer, seats, nodes, expiry."""
    told = json.loads(as_json(view(200)))
    assert (told["edition"], told["customer"], told["seats"], told["nodes"]) == (
        "enterprise",
        customer.customer_id,
        25,
        4,
    )
    assert told["expires_at"].endswith("Z")
    assert told["days_left"] == 200


class Reader(HTMLParser):
    """What a page loads and runs."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.loads: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.loads += [str(value) for name, value in attrs if name in {"src", "href"}]


def test_the_page_runs_nothing_and_loads_nothing(view):
    """A12: a small, dependency-free page."""
    reader = Reader()
    reader.feed(page(view(10), action='/license"><script>alert(1)</script>'))
    assert "script" not in reader.tags
    assert reader.loads == []
    assert {"form", "textarea", "button"} <= reader.tags
