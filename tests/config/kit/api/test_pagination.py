"""Cursors from outside."""

from __future__ import annotations

import base64

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.django_db

URL = "/api/v1/accounts"


def cursor(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "value",
    ["", "é", "nonsense", cursor("p=abc"), cursor("p=%00"), cursor("o=x"), cursor("r=x"), cursor("p=1.5")],
)
def test_a_cursor_that_is_not_ours_is_refused(value, viewer, customer):
    answer = viewer.get(URL, cursor=value)
    assert answer.status_code in ({200} if value == "" else {400})
    if answer.status_code == 400:
        assert answer.json()["errors"][0]["pointer"] == "/cursor"


@given(st.text(max_size=60))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_cursor_ever_fails_the_server(viewer, value):
    assert viewer.get(URL, cursor=cursor("p=" + value)).status_code in {200, 400}


@pytest.mark.parametrize(
    ("size", "rows"), [("2", 2), ("0", 3), ("-1", 3), ("x", 3), ("9" * 30, 3), ("9" * 5000, 3)]
)
def test_a_page_has_a_bounded_size(size, rows, viewer, make_account):
    for name in ("One", "Two", "Three"):
        make_account(name)
    assert len(viewer.get(URL, page_size=size).json()["results"]) == rows
