"""Payments in the admin: the list with its totals, one payment, and the tabs of license and account (E30)."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from django.urls import reverse

from tests.billing.money import *  # noqa: F403 - payments to look at

pytestmark = pytest.mark.django_db
LIST = "/admin/billing/payment/"
NASTY = "<script>alert(1)</script>"


@pytest.fixture
def billing(make_user, signed_in):
    return signed_in(make_user("billing"))


def shown(browser, **query):
    answer = browser.get(LIST, query)
    assert answer.status_code == 200
    return answer.context["cl"]


def test_the_totals_are_those_of_the_rows_under_the_same_filters(billing, make_payment):
    """E30: totals agree with the rows, in each currency, and with the file."""
    for day in range(3):
        make_payment(amount_minor=1_000 + day, tax_minor=day, refunded_minor=day)
    make_payment(amount_minor=500, currency="usd", counted=False)
    for query in ({}, {"counted__exact": "1"}, {"currency": "usd"}, {"state__exact": "refunded"}):
        changelist = shown(billing, **query)
        rows = list(changelist.result_list)
        file = billing.get(f"{LIST}export/", query)
        lines = list(csv.DictReader(io.StringIO(b"".join(file.streaming_content).decode())))
        assert len(lines) == len(rows) == sum(line.count for line, _ in changelist.totals)
        for line, _ in changelist.totals:
            mine = [row for row in rows if row.currency == line.currency]
            assert line.amount_minor == sum(row.amount_minor for row in mine)
            assert line.net_minor == sum(row.amount_minor - row.refunded_minor for row in mine)


def test_a_payment_is_found_by_any_of_its_ids_and_by_the_payers_address(billing, make_payment):
    row = make_payment(customer_email="grace@globex.example", dispute_ref="dp_1")
    make_payment()
    for term in (row.reference, row.invoice_ref, row.intent_ref, "dp_1", "GRACE@globex.example"):
        assert [found.pk for found in shown(billing, q=term).result_list] == [row.pk], term
    assert list(shown(billing, q="nothing").result_list) == []


def test_a_payment_shows_its_parts_and_nothing_as_markup(billing, buy):
    """Fulfilments, license, refunds; names of strangers are text."""
    bought = buy(customer_name=NASTY, tax_minor=1_916, refunded_minor=100, state="partially_refunded")
    page = billing.get(reverse("admin:billing_payment_change", args=[bought.payment.pk])).content.decode()
    for words in (bought.license.public_id, bought.payment.intent_ref, "120.00 EUR", "19.16 EUR", "1.00 EUR"):
        assert words in page
    assert NASTY not in page


def test_the_pages_of_license_and_account_tell_what_was_paid(billing, buy, make_payment, prospect):
    bought = buy()
    make_payment(account=prospect)
    mine = reverse("admin:billing_payment_change", args=[bought.payment.pk])
    for name, row in (("licenses_license", bought.license), ("accounts_account", bought.license.account)):
        page = billing.get(
            reverse(f"admin:{name}_change", args=[row.pk]), {"tab": "payments"}
        ).content.decode()
        assert mine in page
        assert "120.00 EUR" in page


def test_support_sees_no_money(make_user, signed_in, buy):
    """D15: without the right there is neither page nor tab."""
    bought = buy()
    browser = signed_in(make_user("support"))
    assert browser.get(LIST).status_code == 403
    assert browser.get(f"{LIST}revenue/").status_code == 403
    page = browser.get(reverse("admin:licenses_license_change", args=[bought.license.pk])).content.decode()
    assert "tab=payments" not in page


def test_the_newest_payment_stands_first_and_days_are_whole(billing, make_payment, at):
    rows = [make_payment(paid_at=at + timedelta(days=day)) for day in range(3)]
    assert [row.pk for row in shown(billing).result_list] == [row.pk for row in reversed(rows)]
    found = shown(billing, paid_at_from="2026-03-03", paid_at_to="2026-03-03").result_list
    assert [row.pk for row in found] == [rows[1].pk]
