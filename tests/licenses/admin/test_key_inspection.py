"""Inspect a key: paste any text, see what it says and whether it holds."""

from __future__ import annotations

import base64
import json
import logging

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from history.models import Event
from licenses.models import License, SigningKey
from licenses.services.lifecycle import license_revoke
from licenses.services.renewing import license_renew

pytestmark = pytest.mark.django_db

INSPECT = reverse("admin:licenses_license_inspect")


def inspect(browser, text, **more):
    return browser.post(INSPECT, {"key_text": text, **more})


def b64(value) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize("wanted", ["jwt", "lic1", "envelope"])
def test_a_key_of_ours_is_decoded_judged_and_leads_to_its_license(looker, make_license, issue, page, wanted):
    """A11, C22: in each format, pasted as a browser posts it."""
    row = make_license()
    text = issue(row, format=wanted).text.replace("\n", "\r\n")
    answer = inspect(looker, f" {text} ")
    found = answer.context["found"]
    assert (found.offline.ok, found.online.ok, found.license) == (True, True, row)
    words = {line.label: line.words for line in found.claims}
    assert (words["License"], words["Ends"]) == (row.public_id, "2027-03-02 09:30 UTC")
    assert f'href="{page(row)}"' in answer.content.decode()


def test_every_failed_check_is_shown_offline_and_online(looker, granted, at):
    """A27, C22: revoked online at once; offline it holds until it expires."""
    license_revoke(license=granted.license, reason="chargeback", actor="cli:test", at=at)
    answer = inspect(looker, granted.issued.text)
    assert answer.context["offline"]["ok"]
    assert answer.context["online"]["failures"] == ["revoked: The license was revoked."]


def test_a_superseded_key_holds_with_a_warning(looker, granted, at):
    license_renew(license=granted.license, months=12, channel="cli", actor="cli:test", at=at)
    answer = inspect(looker, granted.issued.text)
    assert answer.context["online"]["warnings"] == [
        "token_superseded: A newer key was issued for this license."
    ]


def test_a_changed_payload_is_refused_and_shown_as_a_claim_only(looker, granted):
    """A4: the reason stands there, and nothing of it is called proved."""
    head, body, tail = granted.issued.text.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    answer = inspect(looker, f"{head}.{b64({**claims, 'seats': 9999})}.{tail}")
    assert answer.context["offline"]["failures"] == [
        "signature_invalid (signature): the signature does not fit the token"
    ]
    text = answer.content.decode()
    assert "9,999" in text
    assert "Nothing of this is proved" in text
    assert "It names" in text


def test_a_machine_that_it_is_not_bound_to_is_named_as_the_reason(looker, make_license, issue):
    """C22"""
    row = make_license(fingerprint_sha256="ab" * 32)
    answer = inspect(looker, issue(row).text, fingerprint="another host")
    assert answer.context["offline"]["failures"][0].startswith("fingerprint_mismatch")
    assert "fingerprint_mismatch" in answer.context["online"]["failures"][0]


def test_a_key_of_a_revoked_signing_key_says_so(looker, granted, rsa_key):
    SigningKey.objects.filter(pk=rsa_key.pk).update(state="revoked", slot=None)
    answer = inspect(looker, granted.issued.text)
    assert answer.context["offline"]["failures"][0].startswith("key_revoked")


@pytest.mark.parametrize(
    "text",
    ["nonsense", "a.b.c", "LIC1-AAAA-BBBB", "{}", "ABCD-EFGH-IJKL-MNOP", "<script>alert(1)</script>",
     f"{b64({'alg': 'none'})}.{b64({'lic': '<script>alert(1)</script>', 'license_uid': 'x'})}.",
     f"{b64([1])}.{b64({'exp': 1e300, 'ent': [], 'lic': 7})}.x"],
)  # fmt: skip
def test_any_text_has_an_answer_and_stays_text(looker, signing, text):
    """A11: nothing that is pasted is an error of ours."""
    answer = inspect(looker, text)
    assert answer.status_code == 200
    assert not answer.context["found"].online.ok
    assert "<script>alert" not in answer.content.decode()


def test_an_empty_text_is_asked_for(looker, license_):
    assert "key_text" in inspect(looker, " ").context["form"].errors


def test_the_key_stands_in_no_log_no_event_and_no_cache(looker, granted, caplog, settings):
    """The text of a key is in nothing that is kept."""
    caplog.set_level(logging.DEBUG)
    events = Event.objects.count()
    with CaptureQueriesContext(connection) as queries:
        answer = inspect(looker, granted.issued.text)
    signature = granted.issued.text.rsplit(".", 1)[1]
    assert signature not in caplog.text
    assert signature not in str(queries.captured_queries)
    assert Event.objects.count() == events
    assert "no-store" in answer.headers["Cache-Control"]


def test_looking_needs_the_right_to_see_licenses(make_user, signed_in, looker, license_):
    """D15: no page, and no line in the menu."""
    stranger = signed_in(make_user())
    assert stranger.get(INSPECT).status_code == 403
    assert INSPECT not in stranger.get(reverse("admin:index")).content.decode()
    assert INSPECT in looker.get(reverse("admin:index")).content.decode()


def test_a_key_that_names_a_license_of_ours_without_being_issued_is_told_apart(looker, license_, page):
    text = f"{b64({'alg': 'RS256', 'kid': 'x'})}.{b64({'lic': license_.public_id})}.x"
    answer = inspect(looker, text)
    assert answer.context["found"].license == License.objects.get()
    assert "no key of this spelling was ever signed here" in answer.content.decode()
