"""The buttons of a license: what they say before, what they do, and who may press them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from history.models import Event
from licenses.models import License
from licenses.services.lifecycle import license_revoke, license_suspend

pytestmark = pytest.mark.django_db

ADD = reverse("admin:licenses_license_add")
ACTIONS = ("renew", "extend", "issue", "reissue", "suspend", "reinstate", "revoke", "verify")
REVOKED = {"cause": "Refunded or charged back", "detail": "order 77", "confirmation": "acme"}


def errors(answer):
    return {name: list(found) for name, found in answer.context["form"].errors.items()}


def says(answer) -> str:
    return " ".join(answer.context["consequences"])


def terms_of(row, **changes):
    """What the form of new terms posts when nothing else is touched."""
    names = ("edition", "quantity", "seats", "nodes", "machines", "collectors", "warn_days", "grace_days")
    given = {name: getattr(row, name) for name in names}
    return {**given, "entitlements": "sso audit", "reason": "upsell", **changes}


# --- D15: who may -------------------------------------------------------------------------------------

ALLOWED = {
    "license manager": set(ACTIONS),
    "billing": {"renew", "extend", "suspend", "reinstate", "verify"},
    "issuer": {"verify"},
    "support": {"verify"},
    "sales": {"verify"},
    "customer success": {"verify"},
    "evidence approver": {"verify"},
    "auditor": {"verify"},
}


@pytest.mark.parametrize("role", ALLOWED)
@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_without_its_permission_is_refused(as_role, license_, page, role, name):
    """D15: 403 without, a page with."""
    browser = as_role(role)
    expected = 200 if name in ALLOWED[role] else 403
    assert browser.get(page(license_, name)).status_code == expected
    # with the permission the form comes back: too little is filled in to do anything
    given = {"key_text": "x", "_preview": "1", "format": "odd"}
    assert browser.post(page(license_, name), given).status_code == expected
    assert license_.issuances.count() == 1


@pytest.mark.parametrize("role", ALLOWED)
def test_a_button_without_its_permission_is_absent(as_role, license_, page, role):
    """D15: no button. Reinstate is absent for all: the license is not suspended."""
    text = as_role(role).get(page(license_)).content.decode()
    for name in ACTIONS:
        offered = name in ALLOWED[role] and name != "reinstate"
        assert (f'href="{page(license_, name)}"' in text) is offered, name


def test_staff_without_a_role_see_nothing(make_user, signed_in, license_, page):
    browser = signed_in(make_user())
    for address in (reverse("admin:licenses_license_changelist"), page(license_), ADD):
        assert browser.get(address).status_code == 403


def test_who_makes_test_keys_issues_for_test_licenses_only(tester, make_license, page, signing):
    """D15: create commercial and create test are apart."""
    assert tester.get(page(make_license(kind="test"), "issue")).status_code == 200
    assert tester.get(page(make_license(), "issue")).status_code == 403


@pytest.mark.parametrize(("kind", "status"), [("test", 302), ("commercial", 403), ("", 403)])
def test_a_license_of_a_kind_that_one_may_not_create_is_refused(tester, filled_in, kind, status):
    """D15: empty is the kind of the plan, which is commercial."""
    assert tester.post(ADD, filled_in(kind=kind)).status_code == status
    assert License.objects.count() == (status == 302)


def test_who_may_create_nothing_has_neither_form_nor_button(looker, license_, page):
    """D15"""
    assert looker.get(ADD).status_code == 403
    assert f'href="{ADD}' not in looker.get(page(license_)).content.decode()


# --- renew --------------------------------------------------------------------------------------------


def test_renewing_shows_old_and_new_end_before_it_happens(manager, license_, page):
    """A26"""
    answer = manager.get(page(license_, "renew"))
    assert "2027-03-02 09:30 UTC" in says(answer)
    labels = [label for _, label in answer.context["form"].fields["choice"].choices]
    assert labels[0].endswith("2028-03-02 09:30 UTC")


def test_renewing_by_a_year_moves_the_end_and_signs_a_new_key(manager, license_manager, license_, page):
    """A26: renewal row and fresh key; the earlier one stays."""
    assert (
        manager.post(page(license_, "renew"), {"choice": "12:old_end", "reason": "paid"}).status_code == 302
    )
    renewal = license_.renewals.get()
    assert (renewal.new_expires_at.year, renewal.reason, renewal.actor) == (
        2028,
        "paid",
        f"user:{license_manager.pk}",
    )
    assert license_.issuances.count() == 2


def test_a_new_end_that_is_not_later_is_refused_at_its_field(manager, license_, page):
    """A26"""
    answer = manager.post(page(license_, "renew"), {"choice": "date", "until": "2026-06-01T00:00"})
    assert "until" in errors(answer)
    assert not license_.renewals.exists()


def test_the_choice_of_a_date_needs_the_date(manager, license_, page):
    assert "until" in errors(manager.post(page(license_, "renew"), {"choice": "date"}))


def test_an_end_is_aligned_with_another_license_of_the_account(
    manager, license_, make_license, prospect, page
):
    """A26: aligned to a date that the customer has already."""
    other, _foreign = make_license(days=500), make_license(account=prospect, days=600)
    choices = manager.get(page(license_, "renew")).context["form"].fields["choice"].choices
    aligned = [(value, label) for value, label in choices if value.startswith("align:")]
    assert aligned == [
        (f"align:{other.pk}", f"With Demo Enterprise, L-…{other.public_id[-8:]} → 2027-07-15 09:30 UTC")
    ]
    manager.post(page(license_, "renew"), {"choice": f"align:{other.pk}"})
    assert license_.renewals.get().new_expires_at == other.expires_at


def test_what_comes_next_is_offered_after_renewing(manager, license_, page):
    text = manager.post(page(license_, "renew"), {"choice": "12:old_end"}, follow=True).content.decode()
    assert "Renewed: it ends on 2028-03-02 09:30 UTC now" in text
    old, new = license_.issuances.order_by("id").values_list("pk", flat=True)
    assert f"pick={old}&pick={new}" in text.replace("&amp;", "&")


def test_a_license_past_its_end_can_be_renewed_from_today(manager, license_, page, clock):
    clock.set(license_.expires_at + timedelta(days=100))
    assert manager.post(page(license_, "renew"), {"choice": "12:now"}).status_code == 302
    assert license_.renewals.get().new_expires_at.year == 2028


def previewed(browser, address, given, *, script=True):
    headers = {"Accept": "application/json"} if script else {}
    return browser.post(address, {**given, "_preview": "1"}, headers=headers)


@pytest.mark.parametrize(
    ("given", "end"),
    [
        ({"choice": "12:old_end"}, "2028-03-02 09:30 UTC, 366 days later"),
        ({"choice": "24:now"}, "2028-03-02 09:30 UTC, 366 days later"),
        ({"choice": "date", "until": "2027-03-03T00:00"}, "2027-03-03 00:00 UTC, 0 days later"),
    ],
)
def test_old_and_new_end_are_shown_before_pressing_by_the_services_own_rule(
    manager, license_, page, given, end
):
    """A26: nothing is written by looking."""
    answer = previewed(manager, page(license_, "renew"), given).json()
    assert answer["says"][0] == f"The end moves from 2027-03-02 09:30 UTC to {end}."
    assert answer["errors"] == []
    assert not license_.renewals.exists()


def test_months_are_counted_as_the_service_counts_them(manager, make_license, page, signing):
    """A26: a leap day ends on 28 February a year later, in the option, in the preview and in the row."""
    row = make_license(expires_at=datetime(2028, 2, 29, 12, tzinfo=UTC))
    labels = dict(manager.get(page(row, "renew")).context["form"].fields["choice"].choices)
    assert labels["12:old_end"].endswith("2029-02-28 12:00 UTC")
    assert (
        "2029-02-28 12:00"
        in previewed(manager, page(row, "renew"), {"choice": "12:old_end"}).json()["says"][0]
    )
    manager.post(page(row, "renew"), {"choice": "12:old_end"})
    assert row.renewals.get().new_expires_at == datetime(2029, 2, 28, 12, tzinfo=UTC)


def test_what_would_be_refused_is_said_before_pressing(manager, license_, page):
    """A26"""
    answer = previewed(
        manager, page(license_, "renew"), {"choice": "date", "until": "2026-06-01T00:00"}
    ).json()
    assert answer["says"] == []
    assert "not later" in answer["errors"][0]


def test_without_scripts_the_page_comes_back_with_what_would_change(manager, license_, page):
    answer = previewed(manager, page(license_, "renew"), {"choice": "12:old_end"}, script=False)
    assert "The end moves from 2027-03-02 09:30 UTC to 2028-03-02 09:30 UTC" in answer.content.decode()
    assert not license_.renewals.exists()


# --- extend -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "end"),
    [({"choice": "14"}, "2027-03-16"), ({"choice": "other", "days": "3"}, "2027-03-05")],
)
def test_extending_by_days_is_a_renewal_with_its_reason(manager, license_, page, given, end):
    """A26: the same service, from the present end."""
    assert manager.post(page(license_, "extend"), {**given, "reason": "invoice is late"}).status_code == 302
    renewal = license_.renewals.get()
    assert (f"{renewal.new_expires_at:%Y-%m-%d}", renewal.reason) == (end, "invoice is late")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"choice": "14"}, "reason"),
        ({"choice": "other", "reason": "x"}, "days"),
        ({"choice": "other", "days": "0", "reason": "x"}, "days"),
        ({"choice": "other", "days": "99999", "reason": "x"}, "days"),
        ({"choice": "13", "reason": "x"}, "choice"),
    ],
)
def test_an_extension_that_does_not_fit_stands_at_its_field(manager, license_, page, given, field):
    assert field in errors(manager.post(page(license_, "extend"), given))
    assert not license_.renewals.exists()


def test_an_ended_license_is_extended_from_now(manager, license_, page, clock):
    clock.set(license_.expires_at + timedelta(days=100))
    answer = previewed(manager, page(license_, "extend"), {"choice": "7"}).json()
    assert answer["says"][1] == "It then ends in 7 days."


# --- issue and re-issue -------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", ["jwt", "lic1", "envelope"])
def test_a_key_is_issued_in_the_chosen_format(manager, license_, page, wanted):
    assert manager.post(page(license_, "issue"), {"format": wanted, "persist": "on"}).status_code == 302
    assert license_.issuances.order_by("-id").first().format == wanted


def test_changed_terms_are_in_the_new_key_and_not_in_the_old(manager, license_, page):
    """E24"""
    before = license_.issuances.get()
    assert manager.post(page(license_, "reissue"), terms_of(license_, seats=50)).status_code == 302
    before.refresh_from_db()
    newest = license_.issuances.order_by("-id").first()
    assert (before.claims["seats"], newest.claims["seats"], newest.supersedes_id) == (25, 50, before.pk)
    license_.refresh_from_db()
    assert license_.seats == 50


def test_what_a_key_supersedes_is_said_before_it_is_issued(manager, license_, make_license, page):
    assert "The key of 2026-03-02 09:30 UTC stays valid" in says(manager.get(page(license_, "issue")))
    assert "the first key" in says(manager.get(page(make_license(), "issue")))


def test_changed_terms_are_told_field_by_field_before_pressing(manager, license_, page):
    """E24: what changes, in words; what stays is said as well, and nothing is written by looking."""
    given = terms_of(license_, seats=50, entitlements="sso", grace_days=0, comment="upsold", reason="")
    assert previewed(manager, page(license_, "reissue"), given).json() == {
        "says": [
            "Seats: 25 → 50, 25 more.",
            "Entitlements: audit taken away.",
            "Grace after the end: 14 days → 0 days.",
            "Comment: none → upsold.",
        ],
        "errors": [],
    }
    assert "Account, product, plan, kind and start stay" in says(manager.get(page(license_, "reissue")))
    license_.refresh_from_db()
    assert license_.seats == 25


def test_terms_that_would_be_refused_are_said_to_be(manager, license_, page):
    given = terms_of(license_, prefer_online="on")
    answer = previewed(manager, page(license_, "reissue"), given).json()
    assert (answer["says"], answer["errors"]) == ([], ["Say where to validate online."])


def test_unchanged_terms_are_said_to_be(manager, license_, page):
    answer = previewed(manager, page(license_, "reissue"), terms_of(license_)).json()
    assert answer["says"] == ["Nothing: the key is signed again with the same terms."]


def test_the_reason_of_changed_terms_is_kept_as_a_note(manager, license_manager, license_, page):
    """D7: history says that one was given; the note says which."""
    manager.post(page(license_, "reissue"), terms_of(license_, seats=50, reason="upsell by phone"))
    note = license_.notes.get()
    assert (note.text, note.author) == ("Terms: upsell by phone", license_manager)
    assert Event.objects.get(kind="license.reissued").data["reason_given"] is True


def test_terms_that_do_not_fit_stand_at_their_field(manager, license_, page):
    answer = manager.post(page(license_, "reissue"), terms_of(license_, entitlements="No Slug"))
    assert "entitlements" in errors(answer)


def test_a_binding_to_a_machine_stays_until_it_is_taken_off(manager, make_license, page, signing):
    row = make_license(fingerprint_sha256="ab" * 32)
    manager.post(page(row, "reissue"), terms_of(row))
    assert License.objects.get(pk=row.pk).fingerprint_sha256 == "ab" * 32
    manager.post(page(row, "reissue"), terms_of(row, unbind="on"))
    assert License.objects.get(pk=row.pk).fingerprint_sha256 == ""


# --- suspend, reinstate, revoke -----------------------------------------------------------------------


def test_suspending_and_reinstating(manager, license_, page):
    """C25"""
    assert manager.post(page(license_, "suspend"), {"reason": "invoice open"}).status_code == 302
    license_.refresh_from_db()
    assert (license_.status, license_.status_reason) == ("suspended", "invoice open")
    manager.post(page(license_, "reinstate"), {"reason": ""})
    license_.refresh_from_db()
    assert license_.status == "active"


def test_suspending_offers_the_way_back(manager, license_, page):
    """C25: the undo stands in the message."""
    text = manager.post(page(license_, "suspend"), {"reason": "unpaid"}, follow=True).content.decode()
    assert "Suspended. Online validation refuses it from now on." in text
    assert f'href="{page(license_, "reinstate")}">Take it back: reinstate</a>' in text


def test_reinstating_says_since_when_and_why_it_was_held(manager, license_, page, at):
    """C25"""
    license_suspend(license=license_, reason="invoice <open>", actor="cli:test", at=at)
    answer = manager.get(page(license_, "reinstate"))
    assert "The suspension of 2026-03-02 09:30 UTC is taken back (invoice <open>)." in says(answer)
    assert "invoice &lt;open&gt;" in answer.content.decode()


def test_revoking_says_first_that_keys_outlive_it_offline(manager, license_, page):
    """A27: stated in the UI, before it happens."""
    text = says(manager.get(page(license_, "revoke")))
    assert "keep validating offline until their exp: 2027-03-02 09:30 UTC" in text
    assert "stops at its next validation" in text
    assert "final" in text


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"cause": ""}, "cause"),
        ({"cause": "Boredom"}, "cause"),
        ({"cause": "Other", "detail": " "}, "detail"),
        ({"detail": "x" * 401}, "detail"),
        ({"confirmation": ""}, "confirmation"),
        ({"confirmation": "Globex"}, "confirmation"),
    ],
)
def test_revoking_needs_a_reason_and_the_license_named_once_more(manager, license_, page, given, field):
    """A27: nothing is revoked by a slip."""
    assert field in errors(manager.post(page(license_, "revoke"), {**REVOKED, **given}))
    license_.refresh_from_db()
    assert license_.status == "active"


@pytest.mark.parametrize("typed", [" ACME ", "{id}", "{lower}"])
def test_the_license_is_named_by_its_account_or_its_id(manager, license_, page, typed):
    typed = typed.format(id=license_.public_id, lower=license_.public_id.lower())
    assert manager.post(page(license_, "revoke"), {**REVOKED, "confirmation": typed}).status_code == 302
    license_.refresh_from_db()
    assert license_.status == "revoked"


def test_revoking_keeps_reason_and_time(manager, license_, page, at):
    """A27"""
    assert manager.post(page(license_, "revoke"), REVOKED).status_code == 302
    license_.refresh_from_db()
    kept = ("revoked", "Refunded or charged back: order 77", at)
    assert (license_.status, license_.status_reason, license_.status_at) == kept


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("issue", {}),
        ("renew", {"choice": "12:old_end"}),
        ("extend", {"choice": "7", "reason": "late"}),
        ("revoke", REVOKED),
        ("suspend", {"reason": "x"}),
        ("reinstate", {}),
    ],
)
def test_after_revoking_the_service_refuses_and_the_page_says_so(manager, license_, page, name, given):
    """A27: issue and renew fail; revoking again changes nothing."""
    license_revoke(license=license_, reason="chargeback", actor="cli:test", at=license_.created_at)
    answer = manager.post(page(license_, name), given)
    assert "revoked" in errors(answer)["__all__"][0]
    assert license_.issuances.count() == 1


@pytest.mark.parametrize(
    ("status", "absent"),
    [
        ("suspended", {"renew", "extend", "issue", "reissue", "suspend"}),
        ("revoked", {"renew", "extend", "issue", "reissue", "suspend", "reinstate", "revoke"}),
        ("legacy", {"renew", "extend", "issue", "reissue", "reinstate"}),
        ("perpetual", {"renew", "extend", "reinstate"}),
    ],
)
def test_buttons_that_the_state_forbids_are_absent(manager, license_, page, status, absent):
    """A27, C25, D1"""
    changes = {"status": status} if status in {"suspended", "revoked"} else {}
    changes |= {"legacy": {"origin": "legacy"}, "perpetual": {"expires_at": None}}.get(status, {})
    License.objects.filter(pk=license_.pk).update(**changes)
    text = manager.get(page(license_)).content.decode()
    offered = {name for name in ACTIONS if f'href="{page(license_, name)}"' in text}
    assert offered == set(ACTIONS) - absent


# --- verify -------------------------------------------------------------------------------------------


def test_verifying_the_newest_kept_key_gives_the_verdict_and_an_event(manager, license_, page):
    answer = manager.post(page(license_, "verify"), {"key_text": ""})
    assert answer.context["verdict"].ok
    assert Event.objects.filter(kind="artifact.read", subject=f"license:{license_.public_id}").count() == 1


def test_a_pasted_key_is_judged_whoever_pastes_it(looker, granted, page, at):
    license_revoke(license=granted.license, reason="chargeback", actor="cli:test", at=at)
    answer = looker.post(page(granted.license, "verify"), {"key_text": granted.issued.text})
    assert answer.context["verdict"].reason == "revoked"
    assert not Event.objects.filter(kind="artifact.read").exists()


def test_a_kept_key_is_not_opened_for_who_may_not_see_keys(looker, license_, page):
    """D15"""
    assert looker.post(page(license_, "verify"), {"key_text": ""}).status_code == 403


def test_there_is_nothing_to_verify_before_the_first_key(manager, make_license, page):
    assert "__all__" in errors(manager.post(page(make_license(), "verify"), {"key_text": ""}))


@pytest.mark.parametrize("text", ["nonsense", "a.b.c", "LIC1-AAAA-BBBB", "\x00", "{}"])
def test_nonsense_has_a_verdict_too(manager, license_, page, text):
    answer = manager.post(page(license_, "verify"), {"key_text": text})
    assert answer.status_code == 200
