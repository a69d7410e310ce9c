"""The payment report and its file over HTTP (E30)."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest

from tests.billing.money import *  # noqa: F403 - payments to report

pytestmark = pytest.mark.django_db
URL, EXPORT = "/api/v1/reports/payments", "/api/v1/reports/payments/export"
OPERATOR = "/authlance/license/payments/api/v1/reports/payments"


@pytest.fixture
def reader(api, internal_token):
    """A dashboard that reads every payment."""
    return api.as_(internal_token(scope="payments:read", roles=["sysadmin"]))


def page(reader, **query):
    answer = reader.get(URL, **query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def lines(answer):
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))


def references(document):
    return [item["reference"] for item in document["items"]]


@pytest.fixture
def year(make_payment, make_offer, at):
    """Ten payments of two offers and two currencies, one a day, the newest last."""
    other = make_offer("relay-pro")
    return [
        make_payment(
            paid_at=at + timedelta(days=day),
            amount_minor=1_000 + day,
            tax_minor=day,
            refunded_minor=100 if day == 3 else 0,
            state="partially_refunded" if day == 3 else "settled",
            currency="usd" if day % 5 == 4 else "eur",
            **({"offer": other} if day % 2 else {}),
        )
        for day in range(10)
    ]


def test_a_page_shows_the_newest_payments_with_every_member(reader, buy, at):
    """E30: what was paid, by whom, for what, with the licenses it brought."""
    bought = buy(tax_minor=1_916)
    (item,) = page(reader)["items"]
    payment = bought.payment
    assert item["id"] == str(payment.uid)
    assert item["licenses"] == [bought.license.public_id]
    assert (item["organization"], item["customer_name"]) == ("acme", "Ada Lovelace")
    assert (item["amount_minor"], item["tax_minor"], item["currency"]) == (12_000, 1_916, "eur")
    assert (item["reference"], item["payment_intent"]) == (payment.reference, payment.intent_ref)


def test_fifty_a_page_unless_asked_and_never_more_than_500(reader, make_payment):
    """E30: default 50, max 500."""
    for _ in range(51):
        make_payment(session=False)
    found = page(reader)
    assert (len(found["items"]), found["page"], found["page_size"], found["total"]) == (50, 1, 50, 51)
    assert len(page(reader, page=2)["items"]) == 1
    assert len(page(reader, pageSize=500)["items"]) == 51
    for bad in ({"pageSize": 501}, {"pageSize": 0}, {"page": 0}, {"page": "x"}, {"pageSize": "9" * 40}):
        assert reader.get(URL, **bad).json()["errors"][0]["pointer"] == f"/{next(iter(bad))}"


def test_pages_are_whole_and_without_overlap(reader, year):
    """Each row once, the newest first."""
    seen = [name for number in (1, 2, 3, 4) for name in references(page(reader, page=number, pageSize=3))]
    assert seen == [row.reference for row in reversed(year)]


@pytest.mark.parametrize(
    ("query", "days"),
    [
        ({"from": "2026-03-04", "to": "2026-03-06"}, [2, 3, 4]),
        ({"from": "2026-03-04T09:30:00Z"}, [2, 3, 4, 5, 6, 7, 8, 9]),
        ({"from": "2026-03-04T09:30:01Z"}, [3, 4, 5, 6, 7, 8, 9]),
        ({"to": "2026-03-04T09:30:00Z"}, [0, 1, 2]),
        ({"to": "2026-03-04T11:29:59+02:00"}, [0, 1]),
        ({"to": "2026-03-02"}, [0]),
        ({"to": "2026-03-01"}, []),
    ],
)
def test_both_ends_of_a_range_are_within_it(reader, year, query, days):
    """E30: from/to inclusive, RFC 3339 or date; a date is a whole day in UTC."""
    assert references(page(reader, **query)) == [year[day].reference for day in reversed(days)]


def test_the_last_moment_of_a_day_belongs_to_it(reader, make_payment):
    row = make_payment(paid_at=datetime(2026, 3, 4, 23, 59, 59, 999_999, tzinfo=UTC))
    assert references(page(reader, to="2026-03-04")) == [row.reference]
    assert references(page(reader, **{"from": "2026-03-05"})) == []


@pytest.mark.parametrize(
    "query",
    [
        {"from": "yesterday"},
        {"to": "2026-02-30"},
        {"from": "2026-03-04T09:30:00"},
        {"from": "0001-01-01"},
        {"state": "paid"},
        {"form": "2026-03-04"},
    ],
)
def test_a_filter_that_cannot_be_used_is_named(reader, query):
    """A 400 at its name, never everything."""
    problem = reader.get(URL, **query)
    assert problem.status_code == 400
    assert problem.json()["errors"][0]["pointer"] == f"/{next(iter(query))}"


def test_rows_are_found_by_what_was_sold(reader, year, product):
    """E30: product, by slug or lookup key of the offer or by the product's key."""
    assert page(reader, product="relay-pro")["total"] == 5
    assert page(reader, product="demo")["total"] == 10
    assert page(reader, product="nothing")["total"] == 0


def test_rows_are_found_by_organisation_and_by_customer(reader, make_payment, prospect):
    """E30: organisation, customer name."""
    make_payment()
    other = make_payment(
        account=prospect, customer_name="Grace Hopper", customer_email="grace@globex.example"
    )
    for query in (
        {"organization": "globex"},
        {"organization": "LOBE"},
        {"customer": "hopper"},
        {"customer": "grace@GLOBEX.example"},
    ):
        assert references(page(reader, **query)) == [other.reference], query
    assert page(reader, customer="nobody")["total"] == 0


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"product": "relay-pro"},
        {"from": "2026-03-05"},
        {"state": "partially_refunded"},
        {"currency": "usd"},
    ],
)
def test_the_totals_agree_with_the_rows_and_with_the_file(reader, year, query):
    """E30: every total is the sum of the rows, in each currency, whatever page is shown."""
    every = page(reader, pageSize=500, **query)
    first = page(reader, pageSize=2, **query)
    file = lines(reader.get(EXPORT, **query))
    assert first["totals"] == every["totals"]
    assert first["total"] == len(every["items"]) == len(file)
    for total in every["totals"]:
        for rows in (every["items"], file):
            mine = [row for row in rows if row["currency"] == total["currency"]]
            assert total["count"] == len(mine)
            for name in ("amount_minor", "tax_minor", "refunded_minor"):
                assert total[name] == sum(int(row[name]) for row in mine)
        assert total["net_minor"] == total["amount_minor"] - total["refunded_minor"]
    assert sum(total["count"] for total in every["totals"]) == first["total"]


def test_the_file_has_the_rows_of_the_report_in_its_order(reader, year):
    """E30: CSV of the same rows."""
    answer = reader.get(EXPORT)
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="payments-')
    rows = lines(answer)
    assert [row["reference"] for row in rows] == references(page(reader))
    assert rows[-1]["paid_at"] == "2026-03-02T09:30:00Z"
    assert rows[-1]["payment"] == str(year[0].uid)


def test_no_cell_of_the_file_is_a_formula(reader, make_payment):
    """Names come from strangers."""
    make_payment(customer_name='=HYPERLINK("http://evil.example")', customer_email="+a@evil.example")
    (row,) = lines(reader.get(EXPORT))
    assert row["customer_name"].startswith("'=")
    assert row["customer_email"].startswith("'+")


def test_the_paths_of_the_license_operator_answer_the_same(reader, year):
    """E30: the same view, in its spelling."""
    ours, theirs = page(reader, pageSize=3), reader.get(OPERATOR, pageSize=3).json()
    assert theirs["total"] == ours["total"]
    assert theirs["pageSize"] == 3
    assert [row["amountMinor"] for row in theirs["items"]] == [row["amount_minor"] for row in ours["items"]]
    assert [line["netMinor"] for line in theirs["totals"]] == [line["net_minor"] for line in ours["totals"]]
    assert lines(reader.get(f"{OPERATOR}/export")) == lines(reader.get(EXPORT))


def test_reports_need_their_scope_and_show_ones_own_group_only(api, internal_token, make_payment, prospect):
    """E28: payments:read; another group's payments are as good as not there."""
    make_payment()
    mine = make_payment(account=prospect)
    for url in (URL, EXPORT, OPERATOR):
        assert api.get(url).status_code == 401
        assert api.as_(internal_token(scope="licenses:read", groups=["globex"])).get(url).status_code == 403
    member = api.as_(internal_token(scope="payments:read", groups=["globex"]))
    assert references(page(member)) == [mine.reference]
    assert [row["reference"] for row in lines(member.get(EXPORT))] == [mine.reference]
    assert page(member, organization="acme")["total"] == 0
