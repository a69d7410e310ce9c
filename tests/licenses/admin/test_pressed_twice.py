"""A button that is pressed twice, and a license that two people work on at once."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from django.urls import reverse

from history.models import Event
from licenses.models import License

pytestmark = pytest.mark.django_db

ADD = reverse("admin:licenses_license_add")


def errors(answer):
    return {name: list(found) for name, found in answer.context["form"].errors.items()}


def terms_of(row, **changes):
    """What the form of new terms posts when nothing else is touched."""
    names = ("edition", "quantity", "seats", "nodes", "machines", "collectors", "warn_days", "grace_days")
    given = {name: getattr(row, name) for name in names}
    return {**given, "entitlements": "sso audit", "reason": "upsell", **changes}


def shown(browser, address) -> dict[str, str]:
    """What the form of a dialog posts back of itself."""
    found: dict[str, str] = {}

    class Hidden(HTMLParser):
        def handle_starttag(self, tag, attrs):
            given = dict(attrs)
            name = given.get("name", "")
            if given.get("type") == "hidden" and (name == "seen" or name.startswith("initial-")):
                found[name] = given.get("value") or ""

    Hidden().feed(browser.get(address).content.decode())
    return found


@pytest.mark.parametrize(
    ("name", "given"),
    [("renew", {"choice": "12:old_end"}), ("extend", {"choice": "30", "reason": "late"})],
)
def test_a_dialog_that_is_sent_twice_moves_the_end_once(manager, license_, page, name, given):
    """A26, D7: the second press is told what the first one did."""
    address = page(license_, name)
    given = {**given, **shown(manager, address)}
    assert manager.post(address, given).status_code == 302
    again = manager.post(address, given)
    end = license_.renewals.get().new_expires_at
    assert errors(again)["__all__"] == [
        f"It was renewed meanwhile to {end:%Y-%m-%d %H:%M} UTC; nothing was added."
    ]
    given["seen"] = shown(manager, address)["seen"]  # who looks again may go on
    assert manager.post(address, given).status_code == 302


@pytest.mark.parametrize("name", ["issue", "reissue"])
def test_a_key_is_signed_once_however_often_it_is_pressed(manager, license_, page, name):
    """A2, E24"""
    address = page(license_, name)
    given = {**terms_of(license_), "persist": "on", **shown(manager, address)}
    assert manager.post(address, given).status_code == 302
    again = manager.post(address, given)
    assert "A newer key was signed meanwhile" in errors(again)["__all__"][0]
    assert license_.issuances.count() == 2


def test_terms_that_a_colleague_changed_are_not_taken_back(manager, license_, page):
    """E24: what was not touched in the form stays as it is by now."""
    address = page(license_, "reissue")
    mine = {**terms_of(license_, comment="bob"), **shown(manager, address)}
    theirs = {**terms_of(license_, seats=500), **shown(manager, address)}
    assert manager.post(address, theirs).status_code == 302
    assert manager.post(address, mine).status_code == 200
    mine["seen"] = shown(manager, address)["seen"]
    assert manager.post(address, mine).status_code == 302
    license_.refresh_from_db()
    assert (license_.seats, license_.comment) == (500, "bob")


def test_only_what_was_touched_is_changed(manager, license_, page):
    address = page(license_, "reissue")
    given = {**terms_of(license_, grace_days=30), **shown(manager, address)}
    given["entitlements"] = given["initial-entitlements"]
    assert manager.post(address, given).status_code == 302
    assert Event.objects.get(kind="license.reissued").data["changed"] == ["grace_days"]


def test_the_form_of_a_new_license_makes_one(manager, filled_in):
    """D6: sent twice it says so, and opens nothing."""
    key = str(manager.get(ADD).context["form_key"])
    assert manager.post(ADD, filled_in(form_key=key)).status_code == 302
    again = manager.post(ADD, filled_in(form_key=key))
    assert errors(again)["__all__"] == [
        "This form was sent before, and what it asked for was done. Send it again for one more."
    ]
    assert License.objects.count() == 1
    assert manager.post(ADD, filled_in(form_key=again.context["form_key"])).status_code == 302


def test_a_refused_form_of_a_new_license_may_be_sent_again(manager, filled_in):
    given = filled_in(form_key="one")
    assert manager.post(ADD, {**given, "seats": "-1"}).status_code == 200
    assert manager.post(ADD, given).status_code == 302
