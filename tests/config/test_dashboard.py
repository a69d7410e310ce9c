"""The first page of the admin."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from config import celery, kept_figures, tasks
from config.kit.ids import uuid7
from config.models import KeptFigures
from history.models import Event
from history.services import sequence
from licenses.models import Issuance, License, Plan, Product, SigningKey

INDEX = reverse("admin:index")


@pytest.fixture
def make(db, customer, at):
    """Return a maker of licenses of Demo with an issued key each: `make(10, kind="test")`, days to its end."""
    product = Product.objects.create(slug="demo", product_key="demo", name="Demo", audience="demo")
    plan = Plan.objects.create(product=product, slug="pro", name="Pro")
    same = {"account": customer, "product": product, "plan": plan, "plan_code": "pro", "kind": "commercial",
            "edition": "enterprise", "starts_at": at - timedelta(days=70), "created_by": "cli:test"}  # fmt: skip
    key = SigningKey.objects.create(kid="k", algorithm="EdDSA", public_pem="x", private_sealed=b"x")

    def license_(days, **fields):
        row = License.objects.create(
            **{**same, **fields}, created_at=at - timedelta(days=70), expires_at=at + timedelta(days=days)
        )
        Issuance.objects.create(
            license=row, jti=uuid7(), format="jwt", signing_key=key, text_sha256=row.uid.hex, claims={},
            issued_at=at, actor="cli:test", channel="cli",
        )  # fmt: skip

    return license_


@pytest.fixture
def licenses(make):
    """An active one that ends in each of 10, 30, 31 and 400 days, and a suspended one."""
    for days, status in ((10, "active"), (30, "active"), (31, "active"), (400, "active"), (10, "suspended")):
        make(days, status=status)


@pytest.fixture
def root(signed_in, superadmin, clock):
    return signed_in(superadmin)


def numbers(answer):
    """Every number of the page with its link: cards and bars."""
    groups = answer.context["groups"]
    bars = [bar for group in groups for chart in group.charts for bar in chart.bars]
    return [card for group in groups for card in group.cards] + bars


def counted(group):
    """The names and numbers of a group."""
    cards = [(card.title, card.number) for card in group.cards]
    return cards + [(chart.title, bar.name, bar.number) for chart in group.charts for bar in chart.bars]


def test_each_number_is_the_count_of_the_list_it_leads_to(root, licenses, at):
    """D11: every number links to the list with the same filter and equals its row count."""
    sequence(at=at)
    Event.objects.create(kind="license.created", subject="license:x", actor="cli:test", data={}, at=at)
    shown = numbers(root.get(INDEX))
    assert len(shown) >= 15 + 2 + 12
    for number in shown:
        assert root.get(number.url).context["cl"].result_count == number.number, number


def test_the_days_to_come_are_counted_to_the_end_of_the_last(root, licenses):
    shown = {card.title: card.number for card in root.get(INDEX).context["groups"][1].cards}
    assert shown["Expiring in 7 days"] == 0
    assert shown["Expiring in 30 days"] == 2
    assert shown["Expiring in 90 days"] == 3


def test_tests_and_internal_ones_stand_apart(root, licenses, make):
    """D11, D4: internal shown apart, in no other figure, be it card or bar."""

    def shown():
        found = {group.title: counted(group) for group in root.get(INDEX).context["groups"]}
        return found.pop("Test keys and internal licenses, apart"), found

    _, before = shown()
    for days in (-20, 5, 20, 80):
        make(days, kind="test")
        make(days, internal=True)
    apart, after = shown()
    assert apart == [("Test keys", 4), ("Internal", 4)]
    assert after == before


def test_charts_tell_kind_product_month_and_accounts(root, licenses):
    """D11: totals by kind and product, keys issued per month, top accounts."""
    charts = {chart.title: chart.bars for chart in root.get(INDEX).context["groups"][3].charts}
    assert [(bar.name, bar.number) for bar in charts["By product"]] == [("Demo", 5)]
    assert [bar.number for bar in charts["Issued in the last twelve months"]][-1] == 5
    assert [(bar.name, bar.number) for bar in charts["Accounts with most licenses"]] == [("Acme", 5)]


def test_an_empty_office_says_so(root, db):
    page = root.get(INDEX).content.decode()
    assert "Nothing yet." in page


@pytest.fixture
def large(monkeypatch):
    """An office in which three licenses are already many."""
    monkeypatch.setattr(kept_figures, "COUNT_LIMIT", 3)


def suspended(answer):
    return next(card.number for card in answer.context["groups"][0].cards if card.title == "Suspended")


def test_figures_of_a_large_office_are_kept_and_said_to_be(root, licenses, large):
    root.get(INDEX)
    License.objects.filter(status="suspended").update(status="active")
    page = root.get(INDEX)
    assert "As of" in page.content.decode()
    assert suspended(page) == 1
    assert suspended(root.get(f"{INDEX}?fresh")) == 0
    assert suspended(root.get(INDEX)) == 0


def test_a_task_counts_ahead_so_that_nobody_waits(root, licenses, large, monkeypatch):
    """D11: what the task counted is what the page shows, in every number with its link."""
    assert tasks.refresh_figures()
    counted = [(number.number, number.url) for number in numbers(root.get(f"{INDEX}?fresh"))]
    tasks.refresh_figures()
    monkeypatch.setattr(kept_figures, "license_figures", None)
    assert [(number.number, number.url) for number in numbers(root.get(INDEX))] == counted


def test_figures_that_nobody_counted_for_a_while_are_counted_anew(root, licenses, large, at):
    long_ago = at - kept_figures.STALE
    kept_figures.figures_refresh(at=long_ago)
    License.objects.filter(status="suspended").update(status="active")
    assert suspended(root.get(INDEX)) == 0
    assert KeptFigures.objects.get().at == at


def test_older_figures_replace_no_newer_ones(root, licenses, large, at):
    kept_figures.figures_refresh(at=at)
    License.objects.filter(status="suspended").update(status="active")
    kept_figures.figures_refresh(at=at - timedelta(seconds=1))
    assert suspended(root.get(INDEX)) == 1


def test_figures_that_another_version_kept_are_counted_anew(root, licenses, large, at):
    for strange in ({"statuses": [{"title": "Active"}]}, {"unknown": []}, {}):
        KeptFigures.objects.update_or_create(
            name=kept_figures.LICENSES, defaults={"figures": strange, "at": at}
        )
        assert suspended(root.get(INDEX)) == 1


def test_a_small_office_keeps_none(root, licenses, monkeypatch):
    with monkeypatch.context() as large:
        large.setattr(kept_figures, "COUNT_LIMIT", 3)
        tasks.refresh_figures()
    assert not tasks.refresh_figures()
    assert not KeptFigures.objects.exists()
    assert "As of" not in root.get(INDEX).content.decode()


def test_beat_has_them_counted_well_before_they_are_stale():
    entry = celery.schedule()["config.refresh_figures"]
    assert entry["task"] in celery.app.tasks
    assert entry["schedule"] <= kept_figures.STALE.total_seconds() / 3


def test_the_first_page_costs_the_same_however_many_licenses(root, licenses, django_assert_max_num_queries):
    with django_assert_max_num_queries(30):
        root.get(INDEX)


def test_who_may_see_nothing_is_told_so(make_user, signed_in, db):
    answer = signed_in(make_user()).get(INDEX)
    assert answer.context["groups"] == []
    assert "ask a superuser" in answer.content.decode()


def test_a_group_is_for_who_may_open_its_lists(signed_in, issuer, clock):
    titles = [group.title for group in signed_in(issuer).get(INDEX).context["groups"]]
    assert "Licenses" in titles
    assert not {"Signing keys", "History"} & set(titles)
