"""Licenses of an older tool, brought in as records."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.errors import AccountMerged
from accounts.models import Account
from accounts.services.merging import account_merge
from config.kit.errors import Refusal
from config.kit.tables import BadTable, table_lines
from history.models import Event
from licenses.domain.enums import Kind
from licenses.errors import LegacyLicense
from licenses.models import Issuance, License
from licenses.services import importing
from licenses.services.importing import COLUMNS, ImportRefused, licenses_import
from licenses.services.issuing import license_issue
from licenses.services.renewing import license_renew

pytestmark = pytest.mark.django_db

HEADER = "product,legacy_key,account,plan,starts,ends"
ROW = "demo,OLD-1,acme,enterprise,2020-01-01,2027-12-31"


@pytest.fixture
def bring(customer, enterprise, trial, at):
    """Return an importer: `bring(text, dry_run=True)`."""

    def run(text, **options):
        given = {"actor": "cli:test", "at": at, **options}
        return licenses_import(lines=table_lines(text, COLUMNS), **given)

    return run


def table(*rows, more=""):
    return "\n".join([HEADER + more, *rows, ""])


def problems(done):
    return [(found.line, found.error.field, found.error.code) for found in done.problems]


def test_a_license_is_recorded_with_what_the_file_and_the_plan_say(bring, customer, enterprise):
    """D1, D7"""
    more = ",kind,quantity,seats,internal,comment,creator,created"
    bring(table(f"{ROW},test,3,7,yes,from the old tool,Kim,2019-12-24", more=more))
    row = License.objects.get()
    assert (row.account, row.plan, row.origin, row.legacy_key) == (customer, enterprise, "legacy", "OLD-1")
    assert (row.kind, row.quantity, row.seats, row.nodes, row.internal) == ("test", 3, 7, 4, True)
    assert (row.comment, row.created_by, row.creator) == ("from the old tool", "legacy:Kim", None)
    assert row.created_at == datetime(2019, 12, 24, tzinfo=UTC)
    assert (row.starts_at.year, row.expires_at.year, row.entitlements) == (
        2020,
        2027,
        enterprise.entitlements,
    )


def test_without_a_creator_of_its_own_it_is_whose_import_it_was(bring, superadmin, at):
    """D7"""
    bring(table(ROW), actor="user:1", creator=superadmin)
    row = License.objects.get()
    assert (row.created_by, row.creator, row.created_at) == ("user:1", superadmin, at)


def test_it_is_one_event_that_says_where_it_comes_from(bring, customer):
    """D1"""
    bring(table(ROW))
    event = Event.objects.get(kind="license.created")
    assert (event.data["origin"], event.account, event.actor) == ("legacy", customer.customer_id, "cli:test")


def test_it_can_be_neither_signed_nor_renewed(bring, signing, at):
    """D1: flagged as not re-signable, and the refusal says why."""
    bring(table(ROW))
    sign = {"license": License.objects.get(), "channel": "cli", "actor": "cli:test", "at": at}
    with pytest.raises(LegacyLicense, match="older tool"):
        license_issue(**sign)
    with pytest.raises(LegacyLicense, match="older tool"):
        license_renew(**sign, months=12)
    assert not Issuance.objects.exists()


def test_it_is_counted_with_the_rest(bring):
    """D1: reported with the others, and its posture is kept."""
    bring(table(ROW, "demo,OLD-2,acme,enterprise,2010-01-01,2011-01-01"))
    assert License.objects.commercial_figures().count() == 2
    assert dict(License.objects.values_list("legacy_key", "posture")) == {
        "OLD-1": "valid",
        "OLD-2": "read_only",
    }


def test_a_second_import_adds_only_what_is_new(bring):
    """D1: idempotent by product and legacy key."""
    bring(table(ROW))
    done = bring(table(ROW, ROW.replace("OLD-1", "OLD-2")))
    assert (done.new, done.known) == (1, 1)
    assert set(License.objects.values_list("legacy_key", flat=True)) == {"OLD-1", "OLD-2"}


def test_a_dry_run_writes_nothing(bring):
    """D1"""
    done = bring(table(ROW, ROW), dry_run=True)
    assert (done.new, done.refused, problems(done)) == (1, 1, [(3, "legacy_key", "twice")])
    assert not License.objects.exists()
    assert not Event.objects.filter(kind="license.created").exists()


def test_one_bad_row_refuses_them_all(bring):
    """D1: nothing half imported, and every bad row is named."""
    bad = "demo,OLD-2,acme,enterprise,2020-01-01,31.12.2027"
    with pytest.raises(ImportRefused) as refused:
        bring(table(ROW, bad, "other,OLD-3,acme,x,2020-01-01,never"))
    assert problems(refused.value.done) == [(3, "ends", "ambiguous_day"), (4, "product", "unknown_product")]
    assert "Line 3:" in refused.value.detail
    assert not License.objects.exists()


def test_a_file_that_breaks_off_leaves_nothing(bring):
    """D1"""
    with pytest.raises(BadTable):
        bring(table(ROW, 'demo,"OLD-2'))
    assert not License.objects.exists()


@pytest.mark.parametrize(
    ("row", "field", "code"),
    [
        ("demo,K,nobody,enterprise,2020-01-01,2021-01-01", "account", "unknown_account"),
        ("demo,K,acme,gold,2020-01-01,2021-01-01", "plan", "unknown_plan"),
        ("demo,K,acme,enterprise,2020-01-01,2019-01-01", "ends", "not_after_start"),
        ("demo,K,acme,trial,2020-01-01,perpetual", "ends", "perpetual_trial"),
        ("demo,,acme,enterprise,2020-01-01,2021-01-01", "legacy_key", "required"),
        ("demo,K,acme,enterprise,2020-01-01,45000", "ends", "spreadsheet_day"),
        ("demo,K,acme,enterprise,2020-01-01,2021-01-01,surplus", "", "too_many_cells"),
    ],
)
def test_what_is_wrong_is_said_at_its_column(bring, row, field, code):
    """D1, D3"""
    assert problems(bring(table(row), dry_run=True)) == [(2, field, code)]


def test_a_license_may_come_from_a_plan_that_is_closed(bring, enterprise):
    """D1: what the older tool sold is often no longer sold."""
    enterprise.active, enterprise.archived = False, True
    enterprise.save()
    assert bring(table(ROW)).new == 1


def test_only_kinds_that_may_be_created_are_taken(bring):
    """D15"""
    done = bring(table(ROW), dry_run=True, kinds={Kind.TEST})
    assert problems(done) == [(2, "kind", "forbidden")]


NAMED = "product,legacy_key,account,account_name,account_kind,plan,starts,ends"


def named(*rows):
    return "\n".join([NAMED, *(f"demo,{row},enterprise,2020-01-01,2027-12-31" for row in rows)])


def test_accounts_are_opened_when_asked(bring):
    """D1, D5: each once, with its kind."""
    done = bring(named("A,,Initech,prospect", "B,,initech,", "C,hooli,Hooli Inc,"), create_accounts=True)
    assert (done.new, done.accounts) == (3, 2)
    made = Account.objects.exclude(slug="acme").order_by("slug")
    assert list(made.values_list("slug", "name", "kind")) == [
        ("hooli", "Hooli Inc", "customer"),
        ("initech", "Initech", "prospect"),
    ]
    assert made.get(slug="initech").licenses.count() == 2
    assert Event.objects.filter(kind="account.created").count() == 3


def test_accounts_are_not_opened_unasked(bring):
    """D3"""
    done = bring(named("A,,Initech,prospect"), dry_run=True)
    assert problems(done) == [(2, "account_name", "unknown_account")]


def test_an_account_is_found_by_its_exact_name(bring, customer):
    """D3"""
    assert bring(named("A,,Acme,"), create_accounts=True).accounts == 0
    assert License.objects.get().account == customer


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (["A,,ACME,"], (2, "account_name", "account_exists")),
        (["A,,Initech,prospect", "B,,Initech,customer"], (3, "account_kind", "contradiction")),
        (["A,,Initech,", "B,,Init-ech.,"], None),
        (["A,,Ini tech,", "B,,Ini-tech,"], (3, "account_name", "account_exists")),
        (["A,No Slug,Initech,"], (2, "account", None)),
    ],
)
def test_a_name_that_is_nearly_another_s_is_asked_back(bring, rows, expected):
    """D1: a customer is not opened twice by a slip."""
    found = problems(bring(named(*rows), create_accounts=True, dry_run=True))
    if expected is None:
        assert found == []
    else:
        assert [(line, field) for line, field, _ in found] == [expected[:2]]
        assert expected[2] in {None, found[0][2]}


def test_a_dry_run_and_the_run_count_the_same(bring):
    """D1"""
    text = named("A,,Initech,", "B,,Hooli,", "C,acme,,")
    planned = bring(text, create_accounts=True, dry_run=True)
    assert bring(text, create_accounts=True).summary == planned.summary


def test_many_rows_take_few_queries(bring):
    """D1: a handful a thousand rows; SQLite takes an insert in small pieces."""
    text = table(*(ROW.replace("OLD-1", f"OLD-{number}") for number in range(1500)))
    with CaptureQueriesContext(connection) as asked:
        assert bring(text).new == 1500
    assert len(asked) < 150


def test_two_imports_at_once_cannot_both_bring_in_a_key(bring, make_license):
    """D1: the database keeps a legacy key once a product."""
    first, second = make_license(), make_license()
    License.objects.filter(pk=first.pk).update(legacy_key="OLD-1")
    with pytest.raises(Exception, match=r"(?i)unique"):
        License.objects.filter(pk=second.pk).update(legacy_key="OLD-1")


def test_a_refusal_is_a_refusal(bring):
    with pytest.raises(Refusal) as refused:
        bring(table("demo,K,nobody,enterprise,2020-01-01,2021-01-01"))
    assert refused.value.members["errors"][0]["pointer"] == "/2/account"
    assert refused.value.members["refused"] == 1


def test_an_account_that_closes_meanwhile_refuses_the_file(bring, customer, prospect, at, monkeypatch):
    """D1, D5: what is imported is given to accounts that stay open."""

    def merged_meanwhile(**_):
        account_merge(account=customer, into=prospect, actor="cli:test", at=at)

    monkeypatch.setattr(importing, "accounts_create", merged_meanwhile)
    with pytest.raises(AccountMerged):
        bring(table(ROW))
    assert not License.objects.exists()
