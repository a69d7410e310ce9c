"""The list of licenses: columns, order, pages, filters, ready-made lists, chips, row actions, export."""

from __future__ import annotations

import csv
from datetime import timedelta
from io import StringIO
from urllib.parse import parse_qs

import pytest
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.kit.changelist import chips
from licenses.admin.list_presets import LIST_PRESETS, preset_url
from licenses.models import Activation, Installation, License
from licenses.services.catalogue import plan_create, product_create
from licenses.services.lifecycle import license_revoke, license_suspend

pytestmark = pytest.mark.django_db

LIST = reverse("admin:licenses_license_changelist")
EXPORT = reverse("admin:licenses_license_export")
HEADER = ["License", "Account", "Account slug", "Customer id", "Product", "Product key", "Plan", "Plan code", "Kind",
          "Internal", "Edition", "Count", "Seats", "Nodes", "Machines", "Collectors", "Creator", "Created", "Starts",
          "Expires", "Status", "Posture", "Origin", "CRM record", "Comment"]  # fmt: skip


def listed(answer):
    return [row.pk for row in answer.context["cl"].result_list]


def exported(answer):
    assert answer.status_code == 200
    return list(csv.reader(StringIO(b"".join(answer.streaming_content).decode())))


def chips_of(answer):
    return {chip.title: chip.value for chip in chips(answer.context["cl"])}


def links_of(answer):
    return {name: address for name, _, address in answer.context["cl"].page_links()}


def walked(browser, query, link="Next page"):
    """The rows of all pages, walked by a link that each of them has."""
    found, url = [], query
    while url:
        answer = browser.get(f"{LIST}{url}")
        found += listed(answer)
        url = links_of(answer)[link]
    return found


@pytest.fixture
def many(make_license, at):
    """Seven licenses, three to a page."""
    from django.contrib import admin

    model_admin = admin.site.get_model_admin(License)
    model_admin.list_per_page = 3
    terms = [
        {"days": 5},
        {"perpetual": True},
        {"days": 5},
        {"days": 90},
        {"days": 1},
        {"perpetual": True},
        {"days": 40},
    ]
    yield [make_license(quantity=1 + number % 2, **each) for number, each in enumerate(terms)]
    del model_admin.list_per_page


# --- pages and order ----------------------------------------------------------------------------------


def test_pages_follow_each_other_without_gap_or_repetition(looker, many):
    """D10: paging."""
    keys = [row.pk for row in many]
    assert walked(looker, "?") == keys[::-1]
    assert sorted(set(walked(looker, "?p=last", "Previous page"))) == keys


@pytest.mark.parametrize(
    "order", ["1", "-1", "4", "-4", "8", "-8", "10", "12", "-12", "2", "-3", "5", "99", "x", "1.-11"]
)
def test_every_order_has_all_rows_once(looker, many, order):
    """D10: sorting and paging; a column that orders nothing leaves the order as it is."""
    keys = walked(looker, f"?o={order}")
    assert sorted(keys) == sorted(row.pk for row in many)


def test_a_column_orders_both_ways_and_no_end_is_the_latest(looker, many):
    """D10: sorting."""
    ends = {row.pk: row.expires_at for row in many}
    latest = max(end for end in ends.values() if end) + timedelta(days=1)
    up = [ends[key] or latest for key in walked(looker, "?o=11")]
    down = [ends[key] or latest for key in walked(looker, "?o=-11")]
    assert (up, down) == (sorted(up), sorted(down, reverse=True))


def test_products_and_plans_are_ordered_by_their_names(looker, make_license, make_plan, product, at):
    """D10: sorting; the newest first among licenses of one product or plan."""
    by = {"actor": "cli:test", "at": at}
    other = product_create(product_key="atlas", name="Atlas", **by)
    plans = [make_plan("zeta"), make_plan("alpha"), plan_create(product=other, slug="mid", name="Mid", **by)]
    make_plan("unsold")
    rows = [make_license(plan) for plan in plans * 2]

    def order(column, query=""):
        names = {row.pk: (row.product.name, row.plan.name) for row in rows}
        keys = walked(looker, f"?o={column}{query}")
        return [names[key][0 if column.endswith("2") else 1] for key in keys], keys

    assert order("2")[0] == ["Atlas"] * 2 + ["Demo"] * 4
    assert order("-2")[0] == ["Demo"] * 4 + ["Atlas"] * 2
    for query in ("", "&kind__exact=commercial"):
        names, keys = order("3", query)
        assert names == ["Alpha", "Alpha", "Mid", "Mid", "Zeta", "Zeta"]
        assert keys[0] > keys[1]


def test_the_place_in_the_list_is_told(looker, many):
    """D10"""
    first = looker.get(LIST)
    second = looker.get(LIST + links_of(first)["Next page"])
    assert (first.context["cl"].range_text, first.context["cl"].count_text) == ("1 to 3", "7")
    assert second.context["cl"].range_text == "4 to 6"


@pytest.mark.parametrize(
    "page", ["7", "after-", "after-e30", "before-x", "after-" + "A" * 3000, "last-", "%00"]
)
def test_a_page_that_is_none_is_the_first_one(looker, many, page):
    assert listed(looker.get(f"{LIST}?p={page}")) == [row.pk for row in many[:-4:-1]]


def test_other_filters_begin_at_the_first_page(looker, many):
    """D10: the form of the filters carries search and order along, and not the page."""
    text = looker.get(f"{LIST}?o=11&p=last").content.decode()
    assert '<input type="hidden" name="o" value="11">' in text
    assert 'name="p"' not in text


# --- questions to the database ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query", ["", "?status__exact=active", "?q=acme", "?ends=90&use=never&creator=me&o=11"]
)
def test_the_list_asks_the_same_for_one_row_as_for_ten(looker, make_license, make_account, query):
    """D10: no property of a row asks the database, and the number of questions is bounded."""
    make_license(days=20)
    with CaptureQueriesContext(connection) as one:
        looker.get(LIST + query)
    for number in range(9):
        make_license(account=make_account(f"Acme {number}"), days=20)
    with CaptureQueriesContext(connection) as ten:
        looker.get(LIST + query)
    assert len(ten) == len(one) <= 21


def test_no_question_skips_rows_or_counts_without_bound(looker, many):
    """D10"""
    with CaptureQueriesContext(connection) as asked:
        looker.get(f"{LIST}?status__exact=active&p=last")
    statements = [each["sql"] for each in asked if "licenses_license" in each["sql"]]
    assert not [sql for sql in statements if "OFFSET" in sql]
    assert all("LIMIT" in sql for sql in statements if "COUNT" in sql)


# --- filters ------------------------------------------------------------------------------------------


@pytest.fixture
def office(make_license, license_manager, prospect, at):
    rows = {
        "soon": make_license(days=5),
        "quarter": make_license(days=80),
        "ended": make_license(starts_at=at - timedelta(days=40), expires_at=at - timedelta(days=10)),
        "long ago": make_license(starts_at=at - timedelta(days=400), expires_at=at - timedelta(days=100)),
        "for ever": make_license(perpetual=True),
        "test": make_license(kind="test", account=prospect),
        "internal": make_license(internal=True),
        "revoked": make_license(),
        "suspended": make_license(),
        "installed": make_license(),
        "activated": make_license(),
    }
    by = {"actor": "cli:test", "at": at}
    license_revoke(license=rows["revoked"], reason="chargeback", **by)
    license_suspend(license=rows["suspended"], reason="unpaid", **by)
    Installation.objects.create(license=rows["installed"], install_id="a")
    Activation.objects.create(
        license=rows["activated"], kind="machine", identifier="m", released_at=at, released_by="x"
    )
    License.objects.filter(pk=rows["for ever"].pk).update(creator=license_manager, origin="legacy")
    return rows


YEAR = {"test", "internal", "installed", "activated"}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("ends=7", {"soon"}),
        ("ends=90", {"soon", "quarter"}),
        ("ends=-30", {"ended"}),
        ("ends=over", {"ended", "long ago"}),
        ("ends=never", {"for ever"}),
        ("use=seen", {"installed", "activated"}),
        (
            "use=never&status__exact=active",
            {"soon", "quarter", "ended", "long ago", "for ever", "test", "internal"},
        ),
        ("creator=me", {"for ever"}),
        ("origin__exact=legacy", {"for ever"}),
        ("kind__exact=test", {"test"}),
        ("internal__exact=1", {"internal"}),
        ("internal__exact=0&ends=7", {"soon"}),
        ("posture=invalid", {"revoked", "suspended"}),
        ("account=globex", {"test"}),
        ("account=Globex", {"test"}),
        ("account=globex&kind__exact=commercial", set()),
    ],
)
def test_filters_find_what_they_name_and_combine(manager, office, query, names):
    """D10, D2, D4: kind and internal use are filters, and all of them apply at once."""
    assert set(listed(manager.get(f"{LIST}?{query}"))) == {office[name].pk for name in names}


def test_the_account_is_filtered_by_its_customer_id_too(looker, office, prospect):
    """D10"""
    assert listed(looker.get(LIST, {"account": prospect.customer_id.lower()})) == [office["test"].pk]


@pytest.mark.parametrize(
    ("slug", "names"),
    [
        ("expiring-7", {"soon"}),
        ("expiring-30", {"soon"}),
        ("expiring-90", {"soon", "quarter"}),
        ("expired", {"ended"}),
        ("unused", {"soon", "quarter", "ended", "long ago", "for ever", "test", "internal"}),
        ("test", {"test"}),
        ("internal", {"internal"}),
        ("revoked", {"revoked"}),
        ("mine", {"for ever"}),
    ],
)
def test_a_ready_made_list_is_a_plain_address(manager, office, slug, names):
    """D10, D4: internal licenses can be listed apart."""
    assert set(listed(manager.get(preset_url(slug)))) == {office[name].pk for name in names}


def test_every_ready_made_list_stands_above_the_table_and_knows_that_it_is_open(looker, office):
    """D10"""
    for preset in LIST_PRESETS:
        shown = looker.get(LIST + preset.address).context["list_head"]["presets"]
        assert [each for each, active in shown if active] == [preset]


def test_what_is_on_is_told_in_words_and_each_can_be_taken_back(looker, office, product):
    """D10"""
    query = {"q": "acme", "kind__exact": "test", "ends": "30", "product__id__exact": product.pk,
             "expires_at_from": "2026-01-01", "creator": "me", "o": "11"}  # fmt: skip
    answer = looker.get(LIST, query)
    assert chips_of(answer) == {
        "search": "acme", "kind": "Test", "end": "within 30 days", "product": "Demo",
        "expires at": "from 2026-01-01", "creator": "me",
    }  # fmt: skip
    without = {chip.title: parse_qs(chip.without[1:]) for chip in chips(answer.context["cl"])}
    assert "kind__exact" not in without["kind"]
    assert without["kind"]["ends"] == ["30"]
    assert without["search"]["o"] == ["11"]


def test_a_look_up_without_a_filter_of_its_own_can_be_taken_back_too(looker, office):
    """D10"""
    assert chips_of(looker.get(f"{LIST}?plan_code=enterprise")) == {"plan_code": "enterprise"}


def test_nonsense_is_neither_an_error_nor_a_filter(looker, office):
    for query in (
        "ends=x",
        "ends=0",
        "ends=99999",
        "ends=-",
        "use=x",
        "creator=x",
        "creator=9" + "9" * 30,
        "account=%00",
    ):
        assert looker.get(f"{LIST}?{query}").status_code == 200


def test_an_end_is_counted_from_the_moment_one_looks(looker, office, clock):
    """D10: a link or a saved view does not go stale."""
    clock.advance(timedelta(days=78))
    assert set(listed(looker.get(preset_url("expiring-7")))) == {office["quarter"].pk}


# --- search -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["acme", "account:acme", "ACME"])
def test_the_search_takes_prefixes(looker, make_license, prospect, query):
    """D10"""
    row, _other = make_license(), make_license(account=prospect)
    assert listed(looker.get(LIST, {"q": query})) == [row.pk]


def test_an_unknown_prefix_is_told(looker, make_license):
    """D10"""
    make_license()
    assert "seats: is no prefix" in looker.get(LIST, {"q": "seats:5"}).content.decode()


def test_a_pasted_key_leads_to_an_address_without_it(looker, granted):
    """D10: whole keys stand in no address."""
    answer = looker.get(LIST, {"q": f"key:{granted.issued.text}", "kind__exact": "commercial"})
    assert answer.status_code == 302
    assert granted.issued.text not in answer["Location"]
    assert listed(looker.get(LIST + answer["Location"])) == [granted.license.pk]


# --- a row --------------------------------------------------------------------------------------------


def test_a_row_says_what_its_state_does_not_allow(manager, office):
    """D10: row actions."""
    text = manager.get(LIST, {"q": office["revoked"].public_id}).content.decode()
    assert 'data-refuses="renew revoke copy-test download-test"' in text
    text = manager.get(LIST, {"q": office["soon"].public_id}).content.decode()
    assert 'data-refuses="copy-test download-test"' in text


@pytest.mark.parametrize(
    ("role", "actions"),
    [
        ("license manager", {"view", "copy", "download", "renew", "revoke"}),
        ("billing", {"view", "renew"}),
        ("support", {"view", "copy", "download"}),
        ("issuer", {"view", "copy-test", "download-test"}),
        ("auditor", {"view"}),
    ],
)
def test_the_menu_of_a_row_has_what_the_role_may_do(as_role, clock, license_, role, actions):
    """D10, D15: a missing permission is a missing button."""
    text = as_role(role).get(LIST).content.decode()
    names = ("view", "copy", "download", "copy-test", "download-test", "renew", "revoke")
    assert {name for name in names if f'data-action="{name}"' in text} == actions


def test_the_newest_key_is_copied_and_downloaded_from_its_row(manager, granted):
    """D10: copy key, download."""
    text = manager.post(reverse("admin:licenses_license_key_text", args=[granted.license.pk]))
    file = manager.post(reverse("admin:licenses_license_key_file", args=[granted.license.pk]))
    assert text.content == file.content == granted.issued.text.encode()
    assert "attachment" in file["Content-Disposition"]


def test_a_row_without_a_key_says_so(manager, make_license):
    """D10"""
    answer = manager.post(reverse("admin:licenses_license_key_text", args=[make_license().pk]))
    assert (answer.status_code, answer["Content-Type"][:10]) == (409, "text/plain")
    assert manager.post(reverse("admin:licenses_license_key_text", args=[10**9])).status_code == 404


def test_keys_leave_by_post_only_and_only_to_who_may_see_them(manager, looker, license_):
    """D15"""
    url = reverse("admin:licenses_license_key_text", args=[license_.pk])
    assert manager.get(url).status_code == 405
    assert looker.post(url).status_code == 403


# --- the list as a file -------------------------------------------------------------------------------


def test_the_file_has_the_rows_of_the_list_in_its_order(manager, office):
    """D10: CSV export equal to the filtered set."""
    for query in ("", "?status__exact=active&o=11", "?ends=90&o=-1", "?q=globex", "?internal__exact=1"):
        table = exported(manager.get(EXPORT + query))
        by_key = dict(License.objects.in_bulk().items())
        assert table[0] == HEADER
        assert [row[0] for row in table[1:]] == [
            by_key[key].public_id for key in listed(manager.get(LIST + query))
        ]


def test_the_file_has_what_the_table_has_and_the_ids(manager, license_manager, make_license, at):
    """D10, D2, D4"""
    row = make_license(kind="test", internal=True, quantity=3, comment="by phone", crm_ref="crm-7")
    License.objects.filter(pk=row.pk).update(creator=license_manager)
    cells = dict(zip(*exported(manager.get(EXPORT)), strict=True))
    assert cells == {
        "License": row.public_id, "Account": "Acme", "Account slug": "acme", "Customer id": row.account.customer_id,
        "Product": "Demo", "Product key": "demo", "Plan": "Enterprise", "Plan code": "enterprise", "Kind": "test",
        "Internal": "yes", "Edition": "enterprise", "Count": "3", "Seats": "25", "Nodes": "4", "Machines": "1",
        "Collectors": "0", "Creator": "license-manager", "Created": "2026-03-02T09:30:00Z",
        "Starts": "2026-03-02T09:30:00Z", "Expires": "2027-03-02T09:30:00Z", "Status": "active", "Posture": "valid",
        "Origin": "staff", "CRM record": "crm-7", "Comment": "by phone",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text", ["=1+1", "+49", "-1", "@x", "\tx", "\rx", 'say "hi", you', "two\nlines", "ÄÖ 株", "'quoted", ""]
)
def test_no_cell_of_the_file_is_a_formula(manager, make_license, make_account, text):
    """D10"""
    make_license(account=make_account(f"{' '.join(text.split()) or 'Acme'}!", slug="odd"), comment=text)
    cells = dict(zip(*exported(manager.get(EXPORT)), strict=True))
    assert cells["Comment"] == (f"'{text}" if text[:1] in "=+-@\t\r" and text else text)
    assert cells["Account"].startswith("'") == (text.strip()[:1] in tuple("=+-@'"))


def test_the_file_is_named_and_streamed_and_kept_by_nobody(manager, license_):
    """D10"""
    answer = manager.get(EXPORT)
    assert answer.streaming
    assert answer["Content-Disposition"] == 'attachment; filename="licenses-2026-03-02.csv"'
    assert "no-store" in answer["Cache-Control"]


def test_who_may_not_see_licenses_gets_no_file(signed_in, make_user, license_):
    """D15"""
    assert signed_in(make_user()).get(EXPORT).status_code == 403


def test_nonsense_in_the_address_of_the_file_leads_back_to_the_list(manager):
    assert manager.get(f"{EXPORT}?nonsense__exact=1").status_code in {302, 400}
    assert len(exported(manager.get(f"{EXPORT}?posture=odd&ends=x&creator=x&p=last"))) == 1


PARTS = {
    "kind__exact": ["commercial", "test", "trial"],
    "status__exact": ["active", "revoked", "suspended"],
    "edition__exact": ["enterprise", "community"],
    "internal__exact": ["1", "0"],
    "posture": ["valid", "invalid", "read_only", "odd"],
    "ends": ["7", "90", "-30", "over", "never", "x"],
    "use": ["never", "seen"],
    "creator": ["me", "none", "1", "x"],
    "origin__exact": ["staff", "legacy"],
    "account": ["acme", "globex", "nobody"],
    "expires_at_from": ["2026-03-05", "soon"],
    "expires_at_to": ["2026-12-31", "9999-12-31"],
    "created_at_from": ["2026-03-01", "2026-04-01"],
    "q": ["acme", "glo", "account:globex", "email:x", "id:L-", "odd:x", "comment:a"],
    "o": ["1", "-1", "4", "8", "-8", "10", "11", "-11", "12", "99", "x"],
}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    params=st.fixed_dictionaries({}, optional={name: st.sampled_from(each) for name, each in PARTS.items()})
)
def test_any_filters_give_as_many_rows_in_list_file_and_queryset(manager, license_manager, office, params):
    """D10: the count of the list equals the rows of the file and of the query behind both."""
    from django.contrib import admin

    changelist = manager.get(LIST, params).context["cl"]
    request = RequestFactory().get(LIST, params)
    request.user = license_manager
    rows = admin.site.get_model_admin(License).get_changelist_instance(request).queryset
    keys = [row.public_id for row in rows]
    assert changelist.result_count == len(keys)
    assert [row.public_id for row in changelist.result_list] == keys
    assert [row[0] for row in exported(manager.get(EXPORT, params))[1:]] == keys
