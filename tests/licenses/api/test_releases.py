"""Releases over HTTP: staff keep them, an installation asks with its license what it may have."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from history.models import Event
from licenses.domain.manifests import ManifestError, read_manifest
from licenses.domain.tokens import TokenError, decode
from licenses.models import License, Release
from licenses.services.lifecycle import license_revoke
from licenses.services.releases import release_withdraw

pytestmark = pytest.mark.django_db

RELEASES = "/api/v1/products/demo/releases"
MANIFEST = "/api/v1/releases/manifest"
DAY = timedelta(days=1)
BODY = {
    "version": "1.0.0",
    "artifact": "https://downloads.example/demo-1.0.0.tar.gz",
    "sha256": "ab" * 32,
    "size_bytes": 4711,
}


@pytest.fixture
def publish(product, at):
    from licenses.services.releases import release_publish

    def make(version: str, **fields):
        given = {**BODY, "version": version, **fields}
        return release_publish(product=product, **given, actor="cli:test", at=at)

    return make


@pytest.fixture
def installed(api, granted):
    return api.as_(granted.issued.text)


@pytest.fixture
def ask(installed, keys_known, clock):
    """Return what an installation does: poll, verify offline, read."""

    def make():
        cache.clear()
        answer = installed.get(MANIFEST)
        assert answer.status_code == 200, answer.content
        return read_manifest(
            answer.content.decode(), keys_known, now=clock.at, issuer="signet", audience="demo"
        )

    return make


# --- staff ----------------------------------------------------------------------------------------


def test_a_release_is_published_changed_and_withdrawn(back_office, product, at):
    """E32: each step is an event, which holds neither notes nor the address."""
    made = back_office.post(RELEASES, {**BODY, "notes": "First."})
    assert (made.status_code, made.json()["channel"]) == (201, "stable")
    assert made.json()["published_at"] == "2026-03-02T09:30:00Z"
    one = f"{RELEASES}/1.0.0"
    changed = back_office.patch(one, {"channel": "beta", "notes": "For the\r\nbrave."})
    assert (changed.json()["channel"], changed.json()["notes"]) == ("beta", "For the\nbrave.")
    gone = back_office.post(f"{one}/withdraw", {"reason": "Loses data."})
    assert (gone.json()["withdrawn_reason"], gone.json()["withdrawn_at"]) == (
        "Loses data.",
        "2026-03-02T09:30:00Z",
    )
    assert back_office.get(one).json() == gone.json()
    again = back_office.post(f"{one}/withdraw", {"reason": "Loses data."})
    assert (again.status_code, again.json()["code"]) == (409, "release_withdrawn")
    assert back_office.patch(one, {"notes": "?"}).json()["code"] == "release_withdrawn"
    events = Event.objects.filter(subject="release:demo/1.0.0").order_by("id")
    assert [event.kind for event in events] == ["release.published", "release.changed", "release.withdrawn"]
    assert events[1].data["fields"] == ["channel", "notes"]
    assert "downloads.example" not in str([event.data for event in events])


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"version": "v1.0.0"}, "/version"),
        ({"version": "1.0.0-rc.1"}, "/channel"),
        ({"channel": "canary"}, "/channel"),
        ({"artifact": "http://downloads.example/x"}, "/artifact"),
        ({"artifact": "https://me:secret@downloads.example/x"}, "/artifact"),
        ({"artifact": "javascript:alert(1)"}, "/artifact"),
        ({"artifact": "two words"}, "/artifact"),
        ({"sha256": "AB" * 32}, "/sha256"),
        ({"size_bytes": 0}, "/size_bytes"),
        ({"notes": "bell\u0007"}, "/notes"),
        ({"entitlement": "Not A Slug"}, "/entitlement"),
        ({"minimum_edition": "ultimate"}, "/minimum_edition"),
        ({"published_at": "yesterday"}, "/published_at"),
        ({"url": "x"}, "/url"),
    ],
)
def test_a_release_that_cannot_be_is_refused_at_its_field(change, pointer, back_office, product, codes):
    """E32."""
    answer = back_office.post(RELEASES, {**BODY, **change})
    assert answer.status_code == 400, answer.content
    assert list(codes(answer)) == [pointer]
    assert not Release.objects.exists()


def test_a_version_is_published_once_whatever_its_build(back_office, product):
    """E32: of two builds of a version none would be the newer one."""
    assert back_office.post(RELEASES, {**BODY, "version": "1.0.0+a"}).status_code == 201
    answer = back_office.post(RELEASES, {**BODY, "version": "1.0.0+b"})
    assert (answer.status_code, answer.json()["code"]) == (409, "exists")


def test_what_may_have_been_fetched_stays_as_it_is(back_office, product, codes, clock):
    """E32: until its day a release is a draft; then other bytes are another version."""
    ahead = "2026-03-05T09:30:00Z"
    assert back_office.post(RELEASES, {**BODY, "published_at": ahead}).status_code == 201
    one = f"{RELEASES}/1.0.0"
    assert (
        back_office.patch(one, {"sha256": "cd" * 32, "published_at": "2026-03-04T09:30:00Z"}).status_code
        == 200
    )
    clock.advance(2 * DAY)
    answer = back_office.patch(one, {"sha256": "ef" * 32, "published_at": "2026-04-01T00:00:00Z"})
    assert codes(answer) == {"/sha256": "fixed", "/published_at": "fixed"}
    assert back_office.patch(one, {"artifact": "mirror.example/demo:1.0.0"}).status_code == 200


def test_staff_lists_releases_by_version_and_no_customer_does(
    back_office, member, viewer, storefront, publish
):
    """E32, E22: where artifacts are is for the back office; a customer's key reads its manifest."""
    for version in ("1.9.0", "1.10.0", "1.10.0-rc.1"):
        publish(version, channel="candidate" if "-" in version else "stable")
    listed = viewer.get(RELEASES).json()["results"]
    assert [row["version"] for row in listed] == ["1.10.0", "1.10.0-rc.1", "1.9.0"]
    assert [row["version"] for row in viewer.get(RELEASES, channel="candidate").json()["results"]] == [
        "1.10.0-rc.1"
    ]
    assert viewer.get(RELEASES, withdrawn="true").json()["results"] == []
    assert member.get(RELEASES).status_code == member.get(f"{RELEASES}/1.9.0").status_code == 403
    assert (
        viewer.post(RELEASES, BODY).json()["code"]
        == storefront.post(RELEASES, BODY).json()["code"]
        == "missing_scope"
    )
    assert viewer.get(f"{RELEASES}/7.7.7").json()["code"] == "unknown_release"


# --- the manifest ---------------------------------------------------------------------------------


def test_the_manifest_names_the_newest_of_each_channel_and_why_others_are_withheld(ask, publish, granted, at):
    """E32: by version, not by the day of publication."""
    publish("1.9.0", notes="Nine.")
    publish("1.10.0", notes="Ten.", published_at=at - 9 * DAY)
    publish("2.0.0", entitlement="ai")
    publish("2.1.0", published_at=at + DAY)
    publish("1.11.0-rc.1", channel="candidate")
    release_withdraw(release=publish("1.10.1"), reason="Loses data.", actor="cli:test", at=at)
    told = ask()
    assert (told.license_id, told.not_after) == (granted.license.public_id, at + DAY)
    assert {channel: (offer.version, offer.notes) for channel, offer in told.newest.items()} == {
        "stable": ("1.10.0", "Ten.")
    }
    assert [(offer.version, offer.notes) for offer in told.releases] == [("1.10.0", "Ten."), ("1.9.0", None)]
    assert (told.releases[0].artifact, told.releases[0].sha256, told.releases[0].size) == tuple(
        BODY[name] for name in ("artifact", "sha256", "size_bytes")
    )
    assert {row.version: row.reasons for row in told.withheld} == {
        "2.0.0": ("entitlement_missing",),
        "1.11.0-rc.1": ("channel_not_open",),
    }
    assert [(row.version, row.reason) for row in told.withdrawn] == [("1.10.1", "Loses data.")]


def test_a_perpetual_license_gets_what_came_out_before_its_maintenance_ended(ask, publish, granted, at):
    """E32."""
    License.objects.filter(pk=granted.license.pk).update(expires_at=None, maintenance_expires_at=at - DAY)
    publish("1.0.0", published_at=at - 2 * DAY)
    publish("1.1.0", published_at=at - DAY)
    told = ask()
    assert told.newest["stable"].version == "1.0.0"
    assert [(row.version, row.reasons) for row in told.withheld] == [("1.1.0", ("maintenance_ended",))]


def test_a_revoked_license_is_told_so_and_gets_nothing(ask, publish, granted, at):
    """A27, E32."""
    publish("1.0.0")
    license_revoke(license=granted.license, reason="refunded", actor="cli:test", at=at)
    told = ask()
    assert (told.newest, told.releases) == ({}, ())
    assert told.withheld[0].reasons == ("license_revoked",)


def test_a_manifest_is_no_license_and_no_license_a_manifest(installed, publish, granted, keys_known, at):
    """E32: each has a type of its own."""
    publish("1.0.0")
    text = installed.get(MANIFEST).content.decode()
    with pytest.raises(TokenError) as caught:
        decode(text, keys_known)
    assert caught.value.reason == "typ_not_allowed"
    with pytest.raises(ManifestError) as caught:
        read_manifest(granted.issued.text, keys_known, now=at, issuer="signet", audience="demo")
    assert caught.value.reason == "typ_not_allowed"
    validated = installed.post("/api/v1/licenses/validate", {"key": text}).json()
    assert (validated["ok"], validated["reason"]) == (False, "bad_format")
    assert installed.as_(text).get(MANIFEST).json()["code"] == "license_unverified"


def test_who_holds_the_manifest_is_told_that_it_still_holds(installed, publish, clock, at):
    """E32: a 304 leaves the caller with a manifest that is good for most of a day."""
    publish("1.0.0")
    first = installed.get(MANIFEST)
    assert first.headers["Cache-Control"] == "private, max-age=300"
    tag = first.headers["ETag"]

    def again():
        return installed.client.get(
            MANIFEST, headers={"Authorization": f"Bearer {installed.token}", "If-None-Match": tag}
        )

    clock.advance(timedelta(minutes=20))
    same = again()
    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", tag)
    clock.advance(timedelta(minutes=15))  # another hour: signed anew
    assert again().status_code == 200
    clock.advance(timedelta(minutes=-15))
    publish("1.0.1")
    assert again().status_code == 200


def test_a_manifest_ends_when_an_entitlement_does(ask, publish, granted, at):
    """E32, C7: it never promises longer than the license does."""
    end = at + timedelta(hours=2)
    License.objects.filter(pk=granted.license.pk).update(
        entitlements={"channel.beta": {"value": True, "exp": int(end.timestamp())}}
    )
    publish("1.0.0-beta.1", channel="beta")
    told = ask()
    assert (told.newest["beta"].version, told.not_after) == ("1.0.0-beta.1", end)


def test_the_manifest_needs_a_license_and_is_counted(api, installed, product):
    """E32."""
    assert api.get(MANIFEST).status_code == 401
    assert api.as_("nonsense").get(MANIFEST).json()["code"] == "license_unverified"
    answers = [installed.get(MANIFEST)]
    while answers[-1].status_code == 200 and len(answers) <= 120:  # an hour may begin in between
        answers.append(installed.get(MANIFEST))
    assert (answers[-1].status_code, len(answers) > 60) == (429, True)
    assert int(answers[-1].headers["Retry-After"]) > 0


def test_the_manifest_stays_small_and_cheap(ask, installed, publish, granted, at):
    """E32: bounded lists; notes that do not fit are left out; the same queries for few and many releases."""
    License.objects.filter(pk=granted.license.pk).update(kind="test")
    publish("1.0.0")
    ask()
    with CaptureQueriesContext(
        connection,
    ) as few:
        ask()
    for minor in range(1, 13):
        for channel, tail in (("stable", ""), ("candidate", "-rc"), ("beta", "-beta"), ("nightly", "-n")):
            publish(f"1.{minor}.0{tail}", channel=channel, notes="€" * 4000)
    with CaptureQueriesContext(connection) as many:
        told = ask()
    assert len(many) == len(few) <= 16
    assert {channel: offer.version for channel, offer in told.newest.items()} == {
        "stable": "1.12.0", "candidate": "1.12.0-rc", "beta": "1.12.0-beta", "nightly": "1.12.0-n",
    }  # fmt: skip
    assert len(told.releases) == 20
    assert told.newest["stable"].notes == "€" * 4000
    assert told.newest["nightly"].notes is None
