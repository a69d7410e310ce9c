"""What deployments tell of their licenses, over HTTP."""

from __future__ import annotations

from datetime import timedelta

import pytest

from history.models import Event

pytestmark = pytest.mark.django_db

URL = "/api/v1/licenses/signals"


@pytest.fixture
def denied(granted):
    return {
        "token": granted.issued.text,
        "signal": "denied",
        "reason": "seats_exhausted",
        "limit": 25,
        "used": 25,
    }


def told() -> list[Event]:
    return list(Event.objects.filter(kind__in=["license.denied", "license.cleared"]))


def test_a_denied_user_is_recorded(api, denied, granted):
    """A5, A13: an extra user is denied and the denial recorded, as counts only."""
    answer = api.post(URL, denied)
    (event,) = told()
    assert answer.status_code == 201
    assert answer.json()["license"] == granted.license.public_id
    assert event.data == {"reason": "seats_exhausted", "limit": 25, "used": 25}
    assert event.actor == event.subject == f"license:{granted.license.public_id}"


def test_a_removed_license_is_recorded(api, granted):
    """A13: a clear."""
    assert api.post(URL, {"token": granted.issued.text, "signal": "cleared"}).status_code == 201
    assert [event.kind for event in told()] == ["license.cleared"]


@pytest.mark.parametrize("form", ["jwt", "lic1", "envelope"])
def test_a_license_of_any_format_may_tell(form, api, denied, make_license, issue):
    row = make_license()
    answer = api.post(URL, {**denied, "token": issue(row, format=form).text})
    assert (answer.status_code, answer.json()["license"]) == (201, row.public_id)


def test_white_space_of_a_paste_does_not_matter(api, denied):
    assert api.post(URL, {**denied, "token": f"\n {denied['token']} \n"}).status_code == 201


@pytest.mark.parametrize("member", ["user", "email", "hostname", "ip", "prompt", "data"])
def test_nothing_but_the_named_members_is_taken(member, api, denied, codes):
    """A13, A18: whatever could be personal has no member to stand in."""
    answer = api.post(URL, {**denied, member: "x"})
    assert (answer.status_code, codes(answer)) == (400, {f"/{member}": "unknown_field"})
    assert told() == []


@pytest.mark.parametrize(
    "change",
    [
        {"reason": "john@example.com"},
        {"signal": "granted"},
        {"limit": -1},
        {"used": "many"},
        {"token": ""},
        {"token": 7},
    ],
)
def test_a_member_that_cannot_be_used_is_refused(change, api, denied):
    assert api.post(URL, {**denied, **change}).status_code == 400
    assert told() == []


def test_a_denial_says_what_was_denied_and_a_clear_says_nothing_more(api, granted, denied, codes):
    nothing = {"token": granted.issued.text, "signal": "denied"}
    assert codes(api.post(URL, nothing)) == {"/reason": "required"}
    assert api.post(URL, {**denied, "signal": "cleared"}).status_code == 400


@pytest.mark.parametrize("broken", ["x", "eyJhbGciOiJub25lIn0.e30.", "LIC1-AAAA-AAAA", "{}"])
def test_a_text_that_is_no_license_of_ours_tells_nothing(broken, api, denied):
    answer = api.post(URL, {**denied, "token": broken})
    assert (answer.status_code, answer.json()["code"]) == (401, "license_unverified")
    assert told() == []


def test_a_changed_license_tells_nothing(api, denied):
    head, payload, signature = denied["token"].split(".")
    answer = api.post(URL, {**denied, "token": f"{head}.{payload}.{signature[::-1]}"})
    assert answer.status_code == 401
    assert told() == []


def test_an_expired_or_revoked_license_may_still_tell(api, denied, back_office, url, clock):
    clock.advance(timedelta(days=800))
    assert api.post(URL, {**denied, "reason": "license_read_only"}).status_code == 201
    back_office.post(url("revoke"), {"reason": "over"})
    assert api.post(URL, denied).status_code == 201


def test_one_license_tells_so_much_an_hour_and_no_more(api, denied, monkeypatch):
    monkeypatch.setattr("licenses.api.issuances.SIGNAL_LIMIT", "2/hour")
    answers = [api.post(URL, denied) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert int(answers[2].headers["Retry-After"]) > 0
    assert len(told()) == 2


def test_a_credential_that_is_out_of_date_does_not_stand_in_the_way(api, denied):
    assert api.as_("sgk_nobody").post(URL, denied).status_code == 201
