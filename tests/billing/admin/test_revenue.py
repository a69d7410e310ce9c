"""The revenue page: every number is the count or the sum of the rows it leads to (D4)."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

import pytest
from django.utils.html import escape

from billing.domain.money import money_text
from billing.selectors.revenue import a_year, recurring
from tests.billing.money import *  # noqa: F403 - payments and cycles to count

pytestmark = pytest.mark.django_db
URL = "/admin/billing/payment/revenue/"


@pytest.fixture
def billing(make_user, signed_in, clock):
    return signed_in(make_user("billing"))


def rows_of(browser, url):
    """Every row of the list that a number leads to."""
    answer = browser.get(url)
    assert answer.status_code == 200, url
    return list(answer.context["cl"].queryset)


@pytest.fixture
def sold(make_payment, at):
    """Money of two currencies over some months, with refunds, a dispute, a charge-back, and what does not count."""
    make_payment(paid_at=at - timedelta(days=1), amount_minor=10_000)
    make_payment(
        paid_at=at - timedelta(days=1), amount_minor=5_000, refunded_minor=2_000, state="partially_refunded"
    )
    make_payment(paid_at=at - timedelta(days=40), amount_minor=3_000, state="disputed")
    make_payment(paid_at=at - timedelta(days=40), amount_minor=4_000, state="charged_back")
    make_payment(paid_at=at - timedelta(days=80), amount_minor=700, currency="usd")
    make_payment(paid_at=at - timedelta(days=1), amount_minor=99_999, counted=False)
    make_payment(paid_at=at - timedelta(days=500), amount_minor=88_888)


@pytest.mark.parametrize("query", [{}, {"period": "30"}, {"period": "90"}, {"period": "year"}])
def test_money_is_the_sum_of_the_rows_it_leads_to(billing, sold, query):
    """D4: collected, refunded, charged back and net; test mode and internal licenses stay out."""
    page = billing.get(URL, query).context
    assert page["money"]
    for collected, refunded, lost, net in page["money"]:
        rows = rows_of(billing, collected.url)
        assert all(row.counted for row in rows)
        currency = rows[0].currency
        amount, back = sum(row.amount_minor for row in rows), sum(row.refunded_minor for row in rows)
        gone = sum(row.amount_minor - row.refunded_minor for row in rows_of(billing, lost.url))
        assert collected.value == money_text(amount, currency)
        assert collected.note == f"{len(rows)} payments"
        assert refunded.value == money_text(back, currency)
        assert lost.value == money_text(gone, currency)
        assert net.value == money_text(amount - back - gone, currency)


def test_a_year_of_money_by_month_adds_up_to_the_net(billing, sold):
    page = billing.get(URL).context
    nets = {figures[0].url: figures[3].value for figures in page["money"]}
    for currency, bars in page["months"]:
        assert len(bars) == 13  # a year touches thirteen months
        total = 0
        for bar in bars:
            rows = rows_of(billing, bar.url)
            kept = [row for row in rows if row.state != "charged_back"]
            net = sum(row.amount_minor - row.refunded_minor for row in kept)
            assert bar.value == money_text(net, currency.lower())
            total += net
        assert money_text(total, currency.lower()) in nets.values()


def test_what_is_left_out_is_said_and_can_be_looked_at(billing, sold):
    page = billing.get(URL).context
    assert page["left_out"] == len(rows_of(billing, page["left_out_url"])) == 1


@pytest.fixture
def cycles(make_subscription, make_license, make_offer, make_payment, at):
    """Cycles of every kind; what runs: two yearly of 120.00 and one quarterly of 31.00, one of them past due."""
    quarterly = make_offer("quarterly", interval="month", interval_count=3, amount_minor=3_100)
    make_subscription(period_end=at + timedelta(days=20))
    make_subscription(period_end=at + timedelta(days=50), state="past_due")
    make_subscription(
        offer=quarterly, interval="month", interval_count=3, amount_minor=3_100,
        period_end=at + timedelta(days=80),
    )  # fmt: skip
    make_subscription(state="cancelled", cancel_at_period_end=True, period_end=at + timedelta(days=10))
    make_subscription(state="lapsed")
    make_subscription(license=make_license(internal=True))
    make_subscription(license=make_license(kind="test"))
    tested = make_subscription()
    make_payment(subscription=tested, counted=False)


def test_recurring_revenue_is_that_of_what_runs(billing, cycles):
    """D4: MRR and ARR by product, whatever the period; test and internal licenses stay out."""
    page = billing.get(URL)
    ((line, month, year, url),) = page.context["recurring"]
    assert page.content.decode().count(f'href="{escape(url)}"') == 3  # every number leads to its rows
    rows = rows_of(billing, url)
    assert line.count == len(rows) == 3
    assert line.arr_minor == 2 * 12_000 + 3_100 * 4
    assert line.mrr_minor == round(Fraction(line.arr_minor, 12))
    assert (month, year) == ("30.33 EUR", "364.00 EUR")


def test_renewals_due_and_risks_count_their_rows(billing, cycles, sold):
    """D4: renewals due within 30, 60 and 90 days; at risk."""
    page = billing.get(URL).context
    assert [figure.value for figure in page["due"]] == ["1", "2", "3"]
    assert [figure.value for figure in page["risks"]] == ["1", "1", "1", "1"]
    for figure in (*page["due"], *page["risks"]):
        assert int(figure.value) == len(rows_of(billing, figure.url)), figure
        assert figure.note


@pytest.mark.parametrize(
    "query",
    [
        {"period": "dates", "from": "x"},
        {"period": "nonsense"},
        {"period": "dates", "from": "2026-03-02", "to": "2026-01-01"},
    ],
)
def test_what_cannot_be_read_counts_the_last_year(billing, query):
    chosen = billing.get(URL, query).context["chosen"]
    assert (chosen.last - chosen.first).days == 364


def test_an_empty_office_says_so(billing):
    page = billing.get(URL).content.decode()
    assert "Nothing was paid in this period." in page
    assert "No subscription is running." in page


@pytest.mark.parametrize(
    ("cycle", "amount"),
    [((100, "month", 1), 1_200), ((100, "year", 1), 100), ((100, "year", 3), Fraction(100, 3))],
)
def test_a_cycle_is_counted_by_what_it_brings_in_a_year(cycle, amount):
    assert a_year(*cycle) == amount


def test_nothing_recurs_without_cycles(db):
    assert recurring() == []
