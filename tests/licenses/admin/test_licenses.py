"""The list of licenses, the form that issues one, and the page of one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from history.models import Event
from licenses.models import Issuance, License
from licenses.services.artifacts import artifact_text
from licenses.services.catalogue import product_update
from licenses.services.lifecycle import license_suspend

pytestmark = pytest.mark.django_db

LIST = reverse("admin:licenses_license_changelist")
ADD = reverse("admin:licenses_license_add")


def errors(answer):
    return {name: list(found) for name, found in answer.context["form"].errors.items()}


def listed(answer):
    return {row.pk for row in answer.context["cl"].result_list}


# --- list ---------------------------------------------------------------------------------------------


def test_the_list_asks_as_few_questions_for_many_rows_as_for_one(root, make_license, make_account):
    make_license()
    with CaptureQueriesContext(connection) as one:
        root.get(LIST)
    for number in range(5):
        make_license(account=make_account(f"Firm {number}"))
    with CaptureQueriesContext(connection) as six:
        root.get(LIST)
    assert len(six) == len(one)


def test_the_list_is_newest_first_and_says_what_each_license_is(root, make_license):
    """D2, D7: account, kind, count, creator and date stand in the list."""
    first, second = make_license(), make_license(kind="test", quantity=7)
    answer = root.get(LIST)
    assert [row.pk for row in answer.context["cl"].result_list] == [second.pk, first.pk]
    text = answer.content.decode()
    assert "Acme" in text
    assert "cli:test" in text
    assert "2026-03-02" in text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("kind__exact=test", {"test"}),
        ("internal__exact=1", {"internal"}),
        ("status__exact=suspended", {"suspended"}),
        ("posture=invalid", {"suspended"}),
        ("account=globex", {"test"}),
        ("expires_at_from=2026-03-12&expires_at_to=2026-03-12", {"short"}),
        ("expires_at_from=2026-03-13&expires_at_to=2026-03-20", set()),
        ("q=Glob", {"test"}),
        ("q=nobody", set()),
    ],
)
def test_filters_and_search_find_what_they_name(root, make_license, prospect, query, found):
    """D2, D4: kind and the internal flag can be filtered for."""
    rows = {
        "test": make_license(kind="test", account=prospect),
        "internal": make_license(internal=True),
        "suspended": make_license(),
        "short": make_license(days=10),
    }
    license_suspend(
        license=rows["suspended"], reason="unpaid", actor="cli:test", at=rows["suspended"].created_at
    )
    assert listed(root.get(f"{LIST}?{query}")) == {rows[name].pk for name in found}


def test_search_finds_a_license_by_its_id_in_any_case(root, make_license):
    row, _other = make_license(), make_license()
    assert listed(root.get(LIST, {"q": row.public_id.lower()})) == {row.pk}


@pytest.mark.parametrize(
    "query",
    ["plan=x", "plan=99999999999999999999", "signed_by=nobody", "account=%00", "expires_at_from=soon",
     "expires_at_to=9999-12-31", "posture=odd", "q=L-%00", "q=%00"],
)  # fmt: skip
def test_nonsense_in_the_address_is_no_error(root, license_, query):
    assert root.get(f"{LIST}?{query}").status_code == 200


def test_licenses_of_a_signing_key_are_listed(root, license_, make_license, rsa_key):
    make_license()
    assert listed(root.get(LIST, {"signed_by": rsa_key.kid})) == {license_.pk}


# --- issuing ------------------------------------------------------------------------------------------


def test_the_form_creates_a_license_with_its_signed_key(manager, license_manager, filled_in, at):
    """D6, D7: account, creator, date, kind, plan, count and comment are recorded."""
    given = filled_in(kind="commercial", quantity=3, seats=7, comment="by phone", internal="on")
    assert manager.post(ADD, given).status_code == 302
    row = License.objects.get()
    assert (row.account.slug, row.creator, row.created_at, row.comment) == (
        "acme",
        license_manager,
        at,
        "by phone",
    )
    assert (row.kind, row.plan_code, row.quantity, row.seats, row.internal) == (
        "commercial",
        "enterprise",
        3,
        7,
        True,
    )
    assert row.issuances.get().actor == f"user:{license_manager.pk}"


def test_the_kind_is_stored_and_in_the_signed_claims(manager, filled_in):
    """D2"""
    manager.post(ADD, filled_in(kind="test"))
    assert License.objects.get().kind == "test"
    assert Issuance.objects.get().claims["kind"] == "test"


def test_what_stays_empty_is_as_the_plan_says(manager, filled_in, at):
    manager.post(ADD, filled_in())
    row = License.objects.get()
    assert (row.seats, row.nodes, row.entitlements) == (25, 4, {"sso": True, "audit": True})
    assert row.expires_at == at + timedelta(days=365)


def test_start_end_machine_and_online_address_reach_the_key(manager, filled_in):
    """D6: start, end, fingerprint; D20: where to validate online."""
    manager.post(ADD, filled_in(
        starts_at="2026-04-01T00:00", expires_at="2027-01-01T12:30", fingerprint="host-1",
        prefer_online="on", online_url="https://signet.example/validate", entitlements="sso, projects",
    ))  # fmt: skip
    claims = Issuance.objects.get().claims
    assert claims["nbf"] == int(datetime(2026, 4, 1, tzinfo=UTC).timestamp())
    assert claims["exp"] == int(datetime(2027, 1, 1, 12, 30, tzinfo=UTC).timestamp())
    assert len(claims["fp"]) == 64
    assert claims["online"]["prefer"] is True
    assert claims["ent"] == {"sso": True, "projects": True}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"account": ""}, "account"),
        ({"plan": ""}, "plan"),
        ({"seats": "-1"}, "seats"),
        ({"quantity": "0"}, "quantity"),
        ({"starts_at": "2026-05-01T00:00", "expires_at": "2026-04-01T00:00"}, "expires_at"),
        ({"expires_at": "2027-01-01T00:00", "perpetual": "on"}, "perpetual"),
        ({"kind": "trial"}, "kind"),
        ({"prefer_online": "on"}, "online_url"),
        ({"entitlements": '{"sso": true,}'}, "entitlements"),
        ({"entitlements": "No Slug!"}, "entitlements"),
        ({"entitlements": '{"sso": {"value": 1}}'}, "entitlements"),
        ({"edition": "gold"}, "edition"),
        ({"comment": "x" * 2001}, "comment"),
    ],
)
def test_what_does_not_fit_stands_at_its_field_and_nothing_is_written(manager, filled_in, given, field):
    """D6, D3: invalid combinations show field errors, and there is no license without an account."""
    answer = manager.post(ADD, filled_in(**given))
    assert answer.status_code == 200
    assert field in errors(answer)
    assert not License.objects.exists()


def test_an_entitlement_outside_the_catalogue_is_named_at_its_field(manager, filled_in, product, at):
    """C20, D6"""
    rows = [{"slug": slug, "name": slug, "description": ""} for slug in ("sso", "audit")]
    product_update(product=product, entitlement_catalogue=rows, actor="cli:test", at=at)
    answer = manager.post(ADD, filled_in(entitlements="gold"))
    assert "gold" in errors(answer)["entitlements"][0]


def test_a_key_that_is_not_kept_is_shown_in_the_answer_and_never_again(manager, filled_in):
    """E2: only its hash stays."""
    given = filled_in()
    del given["persist"]
    answer = manager.post(ADD, given)
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.context["text"].count(".") == 2
    assert Issuance.objects.get(artifact=None)


def test_after_issuing_the_key_is_fetched_once_by_the_page(manager, filled_in, page):
    manager.post(ADD, filled_in())
    row = License.objects.get()
    assert "data-key-now" in manager.get(page(row)).content.decode()
    assert "data-key-now" not in manager.get(page(row)).content.decode()


def test_creator_and_date_cannot_be_edited(manager, license_, page):
    """D7: the page is to look at; what is posted to it changes nothing."""
    manager.post(page(license_), {"creator": "", "created_at": "2020-01-01", "comment": "changed"})
    after = License.objects.get()
    assert (after.created_at, after.creator_id, after.comment) == (
        license_.created_at,
        license_.creator_id,
        "",
    )


def test_nobody_deletes_a_license(root, license_, page):
    assert root.post(page(license_, "delete"), {"post": "yes"}).status_code == 403
    assert License.objects.count() == 1


# --- what is shown, and to whom ----------------------------------------------------------------------


def test_the_text_of_the_key_is_in_no_page(root, granted, page):
    text = granted.issued.text
    signature = text.rsplit(".", 1)[1]
    for address in (LIST, page(granted.license), page(granted.issued.issuance)):
        assert signature not in root.get(address).content.decode()
    assert (
        artifact_text(issuance=granted.issued.issuance, actor="cli:test", at=granted.license.created_at)
        == text
    )


def test_what_people_typed_is_shown_as_text(root, make_license, make_account, page):
    bad = "<script>alert(1)</script>"
    row = make_license(account=make_account(bad, slug="bad"), comment=bad)
    for address in (LIST, page(row), page(row, "renew"), page(row, "revoke"), page(row, "reissue")):
        text = root.get(address).content.decode()
        assert bad not in text
        assert "&lt;script&gt;" in text


def test_an_unknown_license_is_not_found(root, license_):
    assert root.get(reverse("admin:licenses_license_renew", args=["999999"])).status_code == 404
    assert root.get(reverse("admin:licenses_license_renew", args=["x"])).status_code == 404


def test_issuing_one_writes_its_events_under_the_name_of_staff(manager, license_manager, filled_in):
    manager.post(ADD, filled_in())
    kinds = set(Event.objects.filter(actor=f"user:{license_manager.pk}").values_list("kind", flat=True))
    assert {"license.created", "license.issued"} <= kinds
