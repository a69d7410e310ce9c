"""Revenue on one page; every number leads to the rows that it counts or adds up (D4)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from billing.domain.enums import PaymentState
from billing.domain.money import money_text
from billing.models import Subscription
from billing.selectors import revenue
from config.kit.clock import now

EARLIEST = date(2000, 1, 1)
PERIODS = {"30": "30 days", "90": "90 days", "365": "12 months", "year": "this year", "dates": "dates"}
RISK_TITLES = {
    "past_due": "Past due",
    "lapsed": "Lapsed",
    "ending": "Cancelled, still running",
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A number, and the list whose rows make it."""

    title: str
    value: str
    url: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """A month of one currency in the chart; `width` is of 100."""

    name: str
    value: str
    width: float
    url: str


@dataclass(frozen=True, slots=True)
class Chosen:
    """The days that are counted, both included, in UTC."""

    period: str
    first: date
    last: date

    def url(self, **more: Any) -> str:
        """The list of payments of these days."""
        return payments_url(paid_at_from=self.first, paid_at_to=self.last, **more)


def payments_url(**filters: Any) -> str:
    return f"{reverse('admin:billing_payment_changelist')}?{urlencode(filters)}"


def cycles_url(**filters: Any) -> str:
    return f"{reverse('admin:billing_subscription_changelist')}?{urlencode(filters)}"


def revenue_view(site: Any, request: HttpRequest) -> HttpResponse:
    """The page, for whoever may see figures of revenue."""
    at = now()
    chosen = chosen_of(request.GET, at.astimezone(UTC).date())
    context = {
        **site.each_context(request),
        "title": "Revenue",
        "content_title": "Revenue",
        "chosen": chosen,
        "periods": PERIODS.items(),
        "money": _money(chosen),
        "months": _months(chosen),
        "recurring": _recurring(),
        "due": [_due(within, at) for within in revenue.DUE_WITHIN],
        "risks": [*_risks(), _disputed()],
        "left_out": revenue.payments_left_out(chosen.first, chosen.last),
        "left_out_url": chosen.url(counted__exact=0),
    }
    return TemplateResponse(request, "admin/signet/revenue.html", context)


def chosen_of(query: Any, today: date) -> Chosen:
    """What was asked for; what cannot be read is the last 12 months."""
    period = query.get("period", "365")
    if period == "dates":
        first, last = _day(query.get("from", ""), today), _day(query.get("to", ""), today)
        if first and last and first <= last:
            return Chosen(period, first, last)
    if period == "year":
        return Chosen(period, today.replace(month=1, day=1), today)
    length = int(period) if period in {"30", "90"} else 365
    return Chosen(period if period in {"30", "90"} else "365", today - timedelta(days=length - 1), today)


def _day(text: str, today: date) -> date | None:
    with suppress(ValueError):
        return min(max(date.fromisoformat(text), EARLIEST), today)
    return None


def _money(chosen: Chosen) -> list[list[Figure]]:
    lines = revenue.money_of(revenue.payments_counted(chosen.first, chosen.last))
    return [
        [
            Figure("Collected", money_text(line.collected_minor, line.currency), url, f"{line.count:,} payments"),
            Figure("Refunded", money_text(line.refunded_minor, line.currency), url),
            Figure(
                "Charged back", money_text(line.charged_back_minor, line.currency),
                chosen.url(counted__exact=1, currency=line.currency, state__exact=PaymentState.CHARGED_BACK),
            ),
            Figure("Net", money_text(line.net_minor, line.currency), url),
        ]
        for line in lines
        for url in [chosen.url(counted__exact=1, currency=line.currency)]
    ]  # fmt: skip


def _months(chosen: Chosen) -> list[tuple[str, list[Bar]]]:
    """The net of each month, a chart for each currency."""
    months = revenue.months_of(chosen.first, chosen.last)
    charts = []
    for currency in sorted({line.currency for lines in months.values() for line in lines}):
        nets = {month: _net(lines, currency) for month, lines in months.items()}
        most = max([*nets.values(), 1])
        charts.append(
            (
                currency.upper(),
                [
                    Bar(
                        f"{month:%Y-%m}",
                        money_text(net, currency),
                        max(0.0, 100 * net / most),
                        _month_url(chosen, month, currency),
                    )
                    for month, net in nets.items()
                ],
            )
        )
    return charts


def _net(lines: list[revenue.Money], currency: str) -> int:
    return sum(line.net_minor for line in lines if line.currency == currency)


def _month_url(chosen: Chosen, month: date, currency: str) -> str:
    """Of the part of a month that is within the chosen days."""
    after = (month + timedelta(days=32)).replace(day=1)
    first, last = max(month, chosen.first), min(after - timedelta(days=1), chosen.last)
    return payments_url(paid_at_from=first, paid_at_to=last, counted__exact=1, currency=currency)


def _recurring() -> list[tuple[revenue.Recurring, str, str, str]]:
    return [
        (
            line,
            money_text(line.mrr_minor, line.currency),
            money_text(line.arr_minor, line.currency),
            cycles_url(revenue="running", product=line.product_key, currency=line.currency),
        )
        for line in revenue.recurring()
    ]


def _amounts(found: revenue.Cycles) -> str:
    return ", ".join(money_text(amount, currency) for currency, amount in found.amounts)


def _due(within: int, at: datetime) -> Figure:
    found = revenue.sum_of(revenue.renewing(Subscription.objects.all(), within, at=at))
    return Figure(
        f"Within {within} days", f"{found.count:,}", cycles_url(revenue=f"due-{within}"), _amounts(found)
    )


def _risks() -> list[Figure]:
    figures = []
    for risk, title in RISK_TITLES.items():
        found = revenue.sum_of(revenue.at_risk(Subscription.objects.all(), risk))
        figures.append(Figure(title, f"{found.count:,}", cycles_url(revenue=risk), _amounts(found)))
    return figures


def _disputed() -> Figure:
    rows = revenue.payments_disputed()
    lines = revenue.money_of(rows)
    amounts = ", ".join(money_text(line.collected_minor, line.currency) for line in lines)
    url = payments_url(counted__exact=1, state__exact=PaymentState.DISPUTED)
    return Figure("Disputed payments", f"{sum(line.count for line in lines):,}", url, amounts)
