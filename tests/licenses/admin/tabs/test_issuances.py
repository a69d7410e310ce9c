"""The keys of a license: a list, the claims of one, and what differs between two."""

from __future__ import annotations

from datetime import timedelta

import pytest

from licenses.admin.tabs import issuances
from licenses.services.issuing import license_reissue
from licenses.services.renewing import license_renew

pytestmark = pytest.mark.django_db


@pytest.fixture
def changed(license_, at):
    """A second issuance: more seats and another entitlement; its key is not kept."""
    return license_reissue(
        license=license_, changes={"seats": 50, "entitlements": {"sso": True}}, reason="upsell", format="lic1",
        persist=False, channel="admin", actor="cli:test", at=at + timedelta(days=1),
    ).issuance  # fmt: skip


def test_the_list_says_what_when_by_whom_and_why(root, license_, issue, superadmin, tab):
    """A2: each issuance with its key, its hash's owner, time and actor."""
    issue(license_, actor=f"user:{superadmin.pk}", format="envelope")
    text = root.get(tab(license_, "issuances")).content.decode()
    for issuance in license_.issuances.all():
        assert issuance.jti_text in text
        assert issuance.signing_key.kid in text
    for words in (
        "Envelope",
        "Jwt",
        str(superadmin),
        "Command line, test",
        "2026-03-02 09:30 UTC",
        "2 keys signed",
    ):
        assert words.lower() in text.lower()


def test_two_chosen_keys_stand_side_by_side_with_what_changed_in_words(root, license_, changed, tab):
    """E24: a change makes a new snapshot, and the difference is told."""
    first = license_.issuances.order_by("id").first()
    compared = root.get(tab(license_, "issuances", pick=[changed.pk, first.pk])).context["compared"]
    assert (compared["before"], compared["after"]) == (first, changed)
    assert "Seats: 25 → 50, 25 more." in compared["says"]
    assert "Entitlements: audit taken away." in compared["says"]
    assert any(words.startswith("Format: ") for words in compared["says"])
    assert any(words.startswith("Signed by: ") for words in compared["says"])
    seats = next(pair for pair in compared["pairs"] if pair.name == "seats")
    assert (seats.before, seats.after) == ("25", "50")


def test_keys_that_say_the_same_are_said_to(root, license_, issue, tab):
    other = issue(license_).issuance
    first = license_.issuances.order_by("id").first()
    text = root.get(tab(license_, "issuances", pick=[first.pk, other.pk])).content.decode()
    assert "Both say the same" in text


def test_each_key_leads_to_what_changed_since_the_one_before(root, license_, at, tab):
    renewed = license_renew(
        license=license_, months=12, channel="admin", actor="cli:test", at=at
    ).issued.issuance
    text = root.get(tab(license_, "issuances")).content.decode()
    assert f"pick={renewed.supersedes_id}&amp;pick={renewed.pk}" in text
    compared = root.get(tab(license_, "issuances", pick=[renewed.supersedes_id, renewed.pk])).context[
        "compared"
    ]
    assert compared["says"] == ["Ends: 2027-03-02 09:30 UTC → 2028-03-02 09:30 UTC, 366 days later."]


@pytest.mark.parametrize("count", [1, 3])
def test_other_than_two_are_not_compared(root, license_, issue, tab, count):
    keys = [license_.issuances.get().pk, issue(license_).issuance.pk, issue(license_).issuance.pk]
    answer = root.get(tab(license_, "issuances", pick=keys[:count]))
    assert answer.context["compared"] is None
    assert "Choose exactly two keys" in answer.content.decode()


@pytest.mark.parametrize(
    "query", [{"pick": ["x", "1" * 30]}, {"inspect": "x"}, {"inspect": "9" * 17}, {"page": "x"}]
)
def test_nonsense_in_the_address_is_no_error(root, license_, tab, query):
    assert root.get(tab(license_, "issuances", **query)).status_code == 200


def test_keys_of_another_license_are_neither_compared_nor_inspected(root, license_, make_license, issue, tab):
    foreign = issue(make_license()).issuance
    answer = root.get(
        tab(license_, "issuances", pick=[license_.issuances.get().pk, foreign.pk], inspect=foreign.pk)
    )
    assert (answer.context["compared"], answer.context["inspected"]) == (None, None)


def test_the_claims_of_one_key_are_inspected_in_words_and_as_signed(root, license_, changed, tab):
    inspected = root.get(tab(license_, "issuances", inspect=changed.pk)).context["inspected"]
    assert {line.label: line.words for line in inspected["claims"]}["Seats"] == "50"
    assert '"seats": 50' in inspected["raw"]


def test_a_text_that_was_not_kept_is_said_to_be_gone(root, license_, changed, tab):
    assert root.get(tab(license_, "issuances")).content.decode().count("text not kept") == 1


def test_many_keys_have_pages(root, license_, issue, tab):
    for _ in range(51):
        issue(license_)
    answer = root.get(tab(license_, "issuances"))
    assert (len(answer.context["lines"]), answer.context["page"].paginator.count) == (50, 52)
    assert len(root.get(tab(license_, "issuances", page=2)).context["lines"]) == 2


def test_two_keys_of_different_pages_are_compared(root, license_, changed, issue, tab, monkeypatch):
    """What is chosen on one page is carried to the next."""
    monkeypatch.setattr(issuances, "PAGE", 1)
    newest, oldest = issue(license_).issuance, license_.issuances.order_by("id").first()
    turned = root.get(tab(license_, "issuances", pick=newest.pk, to=3))
    assert f'name="pick" value="{newest.pk}" checked' in turned.content.decode()
    assert "Choose exactly two" not in turned.content.decode()
    assert [issuance for issuance, _ in turned.context["lines"]] == [oldest]
    compared = root.get(tab(license_, "issuances", page=3, pick=[newest.pk, oldest.pk])).context["compared"]
    assert (compared["before"], compared["after"]) == (oldest, newest)
