"""Pages that begin behind a row: walking them gives every row once, in order, in both directions."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.kit import keyset
from config.kit.keyset import Edge, Order, edge_of, first_page, last_page, newest, page_after, page_before
from licenses.domain.enums import Kind
from licenses.models import License
from licenses.services.catalogue import plan_create, product_create
from licenses.services.issuing import license_create

pytestmark = pytest.mark.django_db


def two_then_one():
    """An order of the values that the column knows nothing of; 7 is no value of a row."""
    return [2, 7, 1]


ORDERS = [
    Order(),
    Order(descends=False, key_descends=False),
    Order("kind", descends=False),
    Order("kind", descends=True, key_descends=False),
    Order("quantity", descends=True, key_descends=True),
    Order("account__name", descends=False, key_descends=True),
    Order("account__name", descends=True, key_descends=False),
    Order("expires_at", descends=False, key_descends=False, nullable=True),
    Order("expires_at", descends=True, key_descends=True, nullable=True),
    Order(sorts=True),
    Order("expires_at", descends=False, key_descends=False, nullable=True, sorts=True),
    Order("quantity", descends=False, ranks=two_then_one),
    Order("quantity", descends=True, key_descends=False, ranks=two_then_one),
    Order("quantity", descends=True, ranks=two_then_one, sorts=True),
]
NAMES = [f"{replace(order, ranks=None)}{' ranked' if order.ranks else ''}" for order in ORDERS]


def forward(rows, order, size):
    page, keys = first_page(rows, order, size), []
    while True:
        keys.append(page.keys)
        if not page.has_next:
            return keys
        page = page_after(rows, order, edge_of(page.last.text(), order, License), size)


def backward(rows, order, size):
    page, keys = last_page(rows, order, size), []
    while True:
        keys.append(page.keys)
        if not page.has_previous:
            return keys[::-1]
        page = page_before(rows, order, edge_of(page.first.text(), order, License), size)


def sorted_by(order, rows):
    """What the order says, in Python: no value is greater than any."""
    rows = sorted(rows, key=lambda row: row.pk, reverse=order.key_descends)
    if not order.field:
        return [row.pk for row in rows]

    def value(row):
        for name in order.field.split("__"):
            row = getattr(row, name)
        if order.ranks:
            return order.ranks().index(row)
        return (row is None, row if row is not None else 0)

    return [row.pk for row in sorted(rows, key=value, reverse=order.descends)]


@pytest.fixture
def rows(make_account, at):
    by = {"actor": "cli:test", "at": at}
    product = product_create(product_key="demo", name="Demo", **by)
    plan = plan_create(product=product, slug="enterprise", name="Enterprise", **by)
    accounts = [make_account(name, slug=slug) for name, slug in (("B", "b"), ("A", "a"), ("B", "b2"))]
    for number in range(11):
        terms = {"perpetual": True} if number % 4 == 0 else {"days": 1 + number % 3}
        terms["quantity"] = 1 + number % 2
        kind = (Kind.TEST, Kind.COMMERCIAL)[number % 2]
        license_create(account=accounts[number % 3], plan=plan, kind=kind, terms=terms, origin="staff", **by)
    return License.objects.select_related("account")


@pytest.mark.parametrize("order", ORDERS, ids=NAMES)
@pytest.mark.parametrize("size", [1, 2, 3, 11, 50])
def test_pages_forward_hold_every_row_once_in_order(rows, order, size):
    keys = [key for page in forward(rows, order, size) for key in page]
    assert keys == sorted_by(order, rows)


@pytest.mark.parametrize("order", ORDERS, ids=NAMES)
def test_pages_backward_hold_every_row_in_the_same_order(rows, order):
    keys = [key for page in backward(rows, order, 3) for key in page]
    assert list(dict.fromkeys(keys)) == sorted_by(order, rows)


def test_going_back_gives_the_page_one_came_from(rows):
    order = Order("kind", descends=False)
    one = first_page(rows, order, 3)
    two = page_after(rows, order, one.last, 3)
    three = page_after(rows, order, two.last, 3)
    assert page_before(rows, order, three.first, 3) == two
    assert page_before(rows, order, two.first, 3) == one


def test_positions_count_from_the_first_row(rows):
    two = page_after(rows, Order(), first_page(rows, Order(), 4).last, 4)
    assert (two.position, two.last.position) == (4, 7)
    assert last_page(rows, Order(), 4).position is None


def test_behind_the_last_row_is_the_last_page(rows):
    edge = Edge(None, 0)
    assert page_after(rows, Order(), edge, 4).keys == last_page(rows, Order(), 4).keys


@pytest.mark.parametrize("few", [0, 5, 100])
def test_the_newest_are_the_first_page_however_many_there_are(rows, monkeypatch, few):
    """D10"""
    monkeypatch.setattr(keyset, "FEW", few)
    for wanted in (rows, rows.filter(kind=Kind.TEST), rows.none()):
        assert newest(wanted, 4) == first_page(wanted, Order(), 4).keys


def test_no_rows_are_an_empty_page(db):
    page = first_page(License.objects.all(), Order(), 5)
    assert (page.keys, page.has_next, page.has_previous) == ([], False, False)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(
    order=st.sampled_from(ORDERS),
    text=st.one_of(
        st.text(max_size=60),
        st.builds(
            lambda *parts: Edge(*parts).text(),
            st.one_of(
                st.none(), st.integers(), st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
            ),
            st.one_of(st.integers(), st.text(st.characters(exclude_categories=["Cs"]), max_size=5)),
            st.one_of(st.none(), st.integers()),
        ),
    ),
)
def test_whatever_stands_in_the_address_is_an_edge_or_none(order, text):
    edge = edge_of(text, order, License)
    if edge is not None:
        page_after(License.objects.all(), order, edge, 2)
