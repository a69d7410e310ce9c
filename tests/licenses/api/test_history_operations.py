"""The history over HTTP, and its proofs as a few lines of foreign code check them."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest

from history.models import Event
from history.services import checkpoint, sequence

pytestmark = pytest.mark.django_db

URL = "/api/v1/history"


@pytest.fixture
def written(granted, at):
    """A history with a signed checkpoint."""
    sequence(at=at)
    return checkpoint(at=at)


def root_of(leaf_hash: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """RFC 9162 §2.1.3.2, written down once more."""
    fn, sn, value = index, size - 1, leaf_hash
    for step in path:
        if fn & 1 or fn == sn:
            value = hashlib.sha256(b"\x01" + step + value).digest()
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            value = hashlib.sha256(b"\x01" + value + step).digest()
        fn, sn = fn >> 1, sn >> 1
    return value


def test_events_are_listed_with_their_places(viewer, written):
    rows = viewer.get(URL).json()["results"]
    newest, *placed = rows
    assert (newest["kind"], newest["position"]) == ("checkpoint_key.created", None)  # not sequenced yet
    assert [row["position"] for row in placed] == list(range(len(placed)))[::-1]
    assert all(row["sentence"] for row in rows)


@pytest.mark.parametrize(
    ("query", "kinds"),
    [
        ({"kind": "license.issued"}, {"license.issued"}),
        ({"account": "acme"}, {"license.issued", "license.created", "account.created"}),
        ({"account": "globex"}, set()),
        ({"actor": "nobody"}, set()),
    ],
)
def test_events_are_filtered(query, kinds, viewer, written):
    assert {row["kind"] for row in viewer.get(URL, **query).json()["results"]} == kinds


def test_an_account_may_be_named_by_its_customer_id_and_a_license_by_subject(viewer, written, granted):
    customer_id = granted.license.account.customer_id
    assert len(viewer.get(URL, account=customer_id).json()["results"]) == 3
    rows = viewer.get(URL, subject=f"license:{granted.license.public_id}").json()["results"]
    assert len(rows) == 2


def test_a_member_sees_the_events_of_its_account_only(member, stranger, written):
    assert {row["account"] for row in member.get(URL).json()["results"]} == {
        Event.objects.get(kind="license.issued").account
    }
    assert "license.issued" not in {row["kind"] for row in stranger.get(URL).json()["results"]}


def test_an_event_is_proved_to_whoever_keeps_the_checkpoint(viewer, api, written):
    event = Event.objects.get(kind="license.issued")
    proof = viewer.get(f"{URL}/{event.uid}/proof").json()
    leaf_hash = hashlib.sha256(b"\x00" + proof["leaf"].encode()).digest()
    root = root_of(
        leaf_hash, proof["leafIdx"], proof["treeSize"], [base64.b64decode(step) for step in proof["proof"]]
    )
    note = api.get(f"{URL}/checkpoint").content.decode()
    assert note.splitlines()[1:3] == [str(proof["treeSize"]), base64.b64encode(root).decode()]
    assert json.loads(proof["leaf"])["uid"] == str(event.uid)


def test_the_checkpoint_is_public_and_plain_text(api, written):
    answer = api.get(f"{URL}/checkpoint")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.content.decode() == written.note


def test_before_the_first_checkpoint_there_is_none(api):
    assert api.get(f"{URL}/checkpoint").status_code == 404


def test_sizes_are_proved_consistent(api, written):
    answer = api.get(f"{URL}/consistency", **{"from": 2, "to": written.size})
    assert (answer.json()["size1"], answer.json()["size2"]) == (2, written.size)
    assert answer.json()["root2"] == base64.b64encode(bytes(written.root)).decode()


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 400),
        ({"from": "1"}, 400),
        ({"from": "0", "to": "1"}, 400),
        ({"from": "-1", "to": "1"}, 400),
        ({"from": "x", "to": "1"}, 400),
        ({"from": "१", "to": "1"}, 400),
        ({"from": "1", "to": "9" * 17}, 400),
        ({"from": "2", "to": "1"}, 409),
        ({"from": "1", "to": str(2**53 - 1)}, 409),
    ],
)
def test_sizes_that_cannot_be_are_refused(query, status, api, written):
    assert api.get(f"{URL}/consistency", **query).status_code == status


def test_an_event_of_others_is_not_proved(stranger, written):
    event = Event.objects.get(kind="license.issued")
    assert stranger.get(f"{URL}/{event.uid}/proof").status_code == 404


def test_an_event_after_the_checkpoint_waits_for_the_next(viewer, written, make_account):
    make_account("Initech")
    event = Event.objects.latest("id")
    answer = viewer.get(f"{URL}/{event.uid}/proof")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_yet_provable")


@pytest.mark.parametrize("role", ["license-issuer", "merchant-onboard"])
def test_who_may_not_read_history_does_not(role, api, make_key):
    """C30."""
    assert api.as_(make_key(role)).get(URL).status_code == 403
