"""Places of machines and collectors over HTTP, as deployments and staff's scripts take and give them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from history.models import Event
from licenses.domain.claims import fingerprint_hash
from licenses.domain.tokens import decode_document
from licenses.models import Activation, License, PlaceCount
from licenses.services.activations import activations_sweep

pytestmark = pytest.mark.django_db

URL, RELEASE = "/api/v1/activations", "/api/v1/activations/release"


@pytest.fixture
def deployed(api, make_license, issue):
    """Return a maker of callers: `deployed(machines=3)` holds the text of such a license."""

    def make(**terms):
        row = make_license(**terms)
        caller = api.as_(issue(row).text)
        caller.license = row
        return caller

    return make


def places(**wanted):
    return Activation.objects.filter(released_at=None, **wanted)


def test_machines_are_let_in_up_to_the_cap(deployed):
    """C24: multi seat activates up to the cap, then `too_many_machines`."""
    caller = deployed(machines=2)
    answers = [caller.post(URL, {"fingerprint": f"machine-{n}"}) for n in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 409]
    assert answers[1].json()["used"] == answers[1].json()["limit"] == 2
    assert (answers[2].json()["code"], answers[2].json()["limit"]) == ("too_many_machines", 2)
    assert places().count() == 2


def test_a_machine_that_has_a_place_keeps_it(deployed):
    caller = deployed(machines=1)
    assert [caller.post(URL, {"fingerprint": "a"}).status_code for _ in range(3)] == [201, 200, 200]
    assert Event.objects.filter(kind="activation.added").count() == 1


def test_only_the_hash_of_a_fingerprint_is_kept(deployed):
    """C24."""
    answer = deployed(machines=2).post(URL, {"fingerprint": "board-7731"})
    assert answer.json()["activation"]["identifier"] == fingerprint_hash("board-7731")
    assert "board-7731" not in str(list(Event.objects.values_list("data", flat=True)))


def test_a_license_for_one_machine_is_bound_to_its_first(deployed):
    """C24: single seat binds the first fingerprint; deactivating clears the binding."""
    caller = deployed(machines=1)
    caller.post(URL, {"fingerprint": "first"})
    assert caller.post(URL, {"fingerprint": "second"}).json()["code"] == "fingerprint_mismatch"
    assert caller.post(RELEASE, {"fingerprint": "first"}).status_code == 200
    caller.license.refresh_from_db()
    assert caller.license.fingerprint_sha256 == ""
    assert caller.post(URL, {"fingerprint": "second"}).status_code == 201


def test_what_staff_bound_stays_bound(deployed):
    caller = deployed(machines=1, fingerprint_sha256=fingerprint_hash("first"))
    assert caller.post(URL, {"fingerprint": "second"}).json()["code"] == "fingerprint_mismatch"
    caller.post(URL, {"fingerprint": "first"})
    caller.post(RELEASE, {"fingerprint": "first"})
    caller.license.refresh_from_db()
    assert caller.license.fingerprint_sha256 == fingerprint_hash("first")


def test_collectors_draw_from_one_pool(deployed):
    """D21: N collectors by id, listed and released; N+1 gets a clear answer."""
    caller = deployed(collectors=2, machines=1)
    answers = [caller.post(URL, {"collector_id": f"collector-{n}"}) for n in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 409]
    assert answers[2].json()["detail"] == "The license has no place left for another collector."
    assert [row["identifier"] for row in caller.get(URL).json()] == ["collector-0", "collector-1"]
    assert caller.post(RELEASE, {"collector_id": "collector-0"}).status_code == 200
    assert caller.post(URL, {"collector_id": "collector-2"}).status_code == 201


def test_no_cap_lets_everybody_in(deployed):
    caller = deployed(machines=0)
    assert {caller.post(URL, {"fingerprint": f"machine-{n}"}).status_code for n in range(9)} == {201}


def test_a_lease_that_ends_frees_its_place(deployed, clock):
    caller = deployed(machines=1)
    caller.post(URL, {"fingerprint": "a", "lease_seconds": 3600})
    clock.advance(timedelta(minutes=59, seconds=59))
    assert caller.post(URL, {"fingerprint": "b"}).status_code == 409
    clock.advance(timedelta(seconds=1))
    assert caller.post(URL, {"fingerprint": "b"}).status_code == 201
    assert Event.objects.filter(kind="activation.released").count() == 1


def test_a_lease_lives_on_by_beats(deployed, clock):
    caller = deployed(machines=1)
    for _ in range(5):
        assert caller.post(URL, {"fingerprint": "a", "lease_seconds": 3600}).status_code < 300
        clock.advance(timedelta(minutes=50))
    assert activations_sweep(at=clock.at) == 0
    assert activations_sweep(at=clock.at + timedelta(hours=1)) == 1
    assert activations_sweep(at=clock.at + timedelta(hours=1)) == 0


def test_a_check_out_carries_a_signed_document(deployed, keys_known, at):
    """Offline: the machine shows itself what we signed, until the end of its lease."""
    answer = deployed(machines=1).post(URL, {"fingerprint": "a", "offline_days": 30})
    claims = decode_document(answer.json()["document"], "activation+jwt", keys_known).claims_payload
    assert claims["identifier"] == fingerprint_hash("a")
    assert claims["exp"] == int((at + timedelta(days=30)).timestamp())


def test_a_check_out_is_freed_by_staff_only(deployed, api, make_key):
    caller = deployed(machines=1)
    caller.post(URL, {"fingerprint": "a", "offline_days": 30})
    assert caller.post(RELEASE, {"fingerprint": "a"}).json()["code"] == "checked_out"
    staff = api.as_(make_key("support"))
    path = f"/api/v1/licenses/{caller.license.public_id}/activations"
    assert len(staff.get(path).json()) == 1
    assert staff.post(f"{path}/release", {"fingerprint": "a"}).status_code == 200
    assert staff.get(path).json() == []


def test_staff_free_a_place_by_its_id(deployed, api, make_key):
    """C24: nobody keeps the fingerprint in clear."""
    caller, other = deployed(machines=2), deployed(machines=2)
    for holder in (caller, other):
        holder.post(URL, {"fingerprint": "a"})
    staff = api.as_(make_key("support"))
    path = f"/api/v1/licenses/{caller.license.public_id}/activations"
    (place,) = staff.get(path).json()
    theirs = places(license=other.license).get().pk
    assert staff.post(f"{path}/release", {"activation_id": theirs}).json()["code"] == "not_activated"
    both = staff.post(f"{path}/release", {"activation_id": place["id"], "fingerprint": "a"})
    assert both.status_code == 400
    assert staff.post(f"{path}/release", {"activation_id": place["id"]}).status_code == 200
    assert staff.get(path).json() == []
    assert staff.post(f"{path}/release", {"activation_id": place["id"]}).json()["code"] == "not_activated"


@pytest.mark.parametrize("short", [True, False])
@pytest.mark.parametrize(
    "again",
    [{}, {"lease_seconds": 600}, {"offline_days": 1}, {"lease_seconds": 600, "label": "press 4"}],
)
def test_a_check_out_lasts_as_long_as_its_document(deployed, monkeypatch, clock, at, again, short):
    """C24: taken again in whatever way, it is neither given back nor let go while its document is good."""
    if not short:
        monkeypatch.setattr("licenses.api.activate.MOST_BYTES", 0)
    caller = deployed(machines=1)
    caller.post(URL, {"fingerprint": "a", "offline_days": 90})
    answer = caller.post(URL, {"fingerprint": "a", **again}).json()["activation"]
    assert (answer["offline"], answer["lease_until"][:10]) == (True, f"{at + timedelta(days=90):%Y-%m-%d}")
    clock.advance(timedelta(days=89))
    assert caller.post(RELEASE, {"fingerprint": "a"}).json()["code"] == "checked_out"
    assert caller.post(URL, {"fingerprint": "b"}).status_code == 409
    clock.advance(timedelta(days=1))
    assert caller.post(URL, {"fingerprint": "b"}).status_code == 201


def test_a_check_out_is_prolonged(deployed, clock, at):
    caller = deployed(machines=1)
    caller.post(URL, {"fingerprint": "a", "offline_days": 30})
    clock.advance(timedelta(days=20))
    answer = caller.post(URL, {"fingerprint": "a", "offline_days": 30}).json()
    assert answer["activation"]["lease_until"][:10] == f"{at + timedelta(days=50):%Y-%m-%d}"
    assert answer["document"]


def test_the_document_is_no_license(deployed, verified):
    document = deployed(machines=1).post(URL, {"fingerprint": "a", "offline_days": 1}).json()["document"]
    assert (verified(document).ok, verified(document).stage) == (False, "header")


def test_a_place_that_nobody_holds_cannot_be_given_back(deployed):
    assert deployed().post(RELEASE, {"fingerprint": "a"}).json()["code"] == "not_activated"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/fingerprint"),
        ({"fingerprint": "a", "collector_id": "b"}, "/fingerprint"),
        ({"fingerprint": ""}, "/fingerprint"),
        ({"fingerprint": "x" * 256}, "/fingerprint"),
        ({"collector_id": "with space"}, "/collector_id"),
        ({"fingerprint": "a", "lease_seconds": 1}, "/lease_seconds"),
        ({"fingerprint": "a", "offline_days": 366}, "/offline_days"),
        ({"fingerprint": "a", "hostname": "db-7"}, "/hostname"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(deployed, body, pointer):
    answer = deployed().post(URL, body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert not Activation.objects.exists()


@pytest.mark.parametrize(
    ("service", "code"), [("license_suspend", "license_suspended"), ("license_revoke", "license_revoked")]
)
def test_a_license_that_does_not_hold_takes_nobody_in(deployed, service, code, at):
    from licenses.services import lifecycle

    caller = deployed(machines=3)
    getattr(lifecycle, service)(license=caller.license, reason="test", actor="cli:test", at=at)
    assert caller.post(URL, {"fingerprint": "a"}).json()["code"] == code


def test_an_ended_license_takes_nobody_in(deployed, clock):
    caller = deployed(machines=3)
    clock.advance(timedelta(days=800))
    assert caller.post(URL, {"fingerprint": "a"}).json()["code"] == "license_expired"


def test_nobody_asks_without_a_license(api, make_key):
    assert api.post(URL, {"fingerprint": "a"}).status_code == 401
    assert api.as_(make_key("full-admin")).post(URL, {"fingerprint": "a"}).status_code == 401


def test_one_license_asks_sixty_times_an_hour(deployed, clock):
    """C24."""
    caller = deployed()
    assert [caller.get(URL).status_code for _ in range(61)][-2:] == [200, 429]
    cache.clear()


# --- the short way, and the count of places --------------------------------------------------------------


def counted():
    return list(PlaceCount.objects.values_list("used", flat=True))


def test_the_count_is_what_is_held(deployed, api, make_key, clock):
    """C24: through taking, keeping, giving back, ended leases and staff, with rows that nobody counted before."""
    caller = deployed(machines=9)
    Activation.objects.create(license=caller.license, kind="machine", identifier="from-before")
    for body in (
        {"fingerprint": "a"},
        {"fingerprint": "a", "label": "press 4"},
        {"fingerprint": "b", "lease_seconds": 3600},
        {"fingerprint": "c", "offline_days": 9},
        {"fingerprint": "d", "lease_seconds": 3600},
    ):
        answer = caller.post(URL, body)
        assert answer.json()["used"] == places().count()
        assert counted() == [places().count()]
    caller.post(RELEASE, {"fingerprint": "a"})
    assert counted() == [places().count()] == [4]
    clock.advance(timedelta(hours=2))
    caller.post(URL, {"fingerprint": "b"})
    assert counted() == [places().count()] == [3]
    staff = api.as_(make_key("support"))
    staff.post(f"/api/v1/licenses/{caller.license.public_id}/activations/release", {"fingerprint": "c"})
    assert counted() == [places().count()] == [2]


@pytest.mark.parametrize(
    "body", [{"fingerprint": "b"}, {"collector_id": "b", "label": "x", "lease_seconds": 600}]
)
def test_both_ways_answer_alike(deployed, monkeypatch, body):
    """A new place and one that is held: the operation of the framework and the short way say the same."""
    caller = deployed(machines=5, collectors=5)
    caller.post(URL, {name: "a" if name in {"fingerprint", "collector_id"} else body[name] for name in body})
    short = [caller.post(URL, body) for _ in range(2)]
    Activation.objects.filter(pk=short[0].json()["activation"]["id"]).delete()
    PlaceCount.objects.all().delete()
    monkeypatch.setattr("licenses.api.activate.MOST_BYTES", 0)
    long = [caller.post(URL, body) for _ in range(2)]
    for one, other in zip(short, long, strict=True):
        assert one.status_code == other.status_code
        said, wanted = one.json(), other.json()
        assert wanted["activation"].pop("id")
        assert said["activation"].pop("id")
        assert said == wanted
    added = (
        Event.objects.filter(kind="activation.added")
        .order_by("pk")
        .values("actor", "subject", "account", "at")
    )
    assert len(added) == 3
    assert added[1] == added[2]


@pytest.mark.parametrize("short", [True, False])
def test_both_ways_refuse_alike(deployed, monkeypatch, short):
    if not short:
        monkeypatch.setattr("licenses.api.activate.MOST_BYTES", 0)
    caller = deployed(machines=1)
    caller.post(URL, {"fingerprint": "a"})
    License.objects.update(fingerprint_sha256="")
    refused = caller.post(URL, {"fingerprint": "b"})
    assert (refused.status_code, refused["Content-Type"]) == (409, "application/problem+json")
    said = refused.json()
    assert (said["code"], said["limit"], said["used"]) == ("too_many_machines", 1, 1)
    assert said["request_id"] == refused["X-Request-Id"]


@pytest.mark.postgres
def test_a_new_machine_is_asked_for_in_the_same_few_statements(deployed):
    """However many hold a place already (C24)."""
    caller = deployed(machines=1000)
    caller.post(URL, {"fingerprint": "the first, which is counted"})

    def statements(name):
        with CaptureQueriesContext(connection) as queries:
            assert caller.post(URL, {"fingerprint": name}).status_code == 201
        return [q["sql"] for q in queries if "SAVEPOINT" not in q["sql"] and "cache" not in q["sql"]]

    few = statements("a")
    for n in range(20):
        caller.post(URL, {"fingerprint": f"machine-{n}"})
    many = statements("b")
    assert len(few) == len(many) == 4, many  # license, place, place and count, event
    assert not any("count(" in sql.lower() for sql in many)


# --- what online validation says of places ---------------------------------------------------------------


def judged(api, caller, **asked):
    return api.post("/api/v1/licenses/validate", {"key": caller.token, **asked}).json()


def test_validation_knows_the_machines_that_hold_a_place(api, deployed):
    """C22, C24: within the cap, over it, and the one that is in."""
    caller = deployed(machines=2)
    for name in ("a", "b"):
        caller.post(URL, {"fingerprint": name})
    inside, outside = judged(api, caller, fingerprint="a"), judged(api, caller, fingerprint="c")
    assert (inside["ok"], inside["machine_id"]) == (True, fingerprint_hash("a"))
    assert inside["limits"]["machines"] == {"cap": 2, "used": 2}
    assert (outside["ok"], outside["reason"]) == (False, "too_many_machines")


def test_validation_knows_the_collectors_of_the_pool(api, deployed):
    """D21."""
    caller = deployed(collectors=1)
    caller.post(URL, {"collector_id": "collector-1"})
    assert judged(api, caller, fingerprint="collector-1", collector=True)["ok"]
    assert judged(api, caller, fingerprint="collector-2", collector=True)["reason"] == "too_many_collectors"


def test_a_place_whose_lease_has_ended_is_free_to_validation(api, deployed, clock):
    caller = deployed(machines=2)
    for name in ("a", "b"):
        caller.post(URL, {"fingerprint": name, "lease_seconds": 3600})
    clock.advance(timedelta(hours=1))
    assert judged(api, caller, fingerprint="c")["ok"]


def test_validation_asks_no_machine_by_name(api, deployed, django_assert_num_queries):
    """As many statements and rows with many machines as with one (C22)."""
    caller = deployed(machines=30)
    for n in range(20):
        caller.post(URL, {"fingerprint": f"machine-{n}"})
    judged(api, caller, fingerprint="machine-3")
    with django_assert_num_queries(2) as asked:
        verdict = judged(api, caller, fingerprint="machine-3")
    assert verdict["limits"]["machines"] == {"cap": 30, "used": 20}
    assert "LIMIT 1" in asked[1]["sql"]


def test_who_names_no_machine_is_told_the_cap_alone(api, deployed):
    caller = deployed(machines=2)
    assert judged(api, caller)["limits"]["machines"] == {"cap": 2, "used": None}
