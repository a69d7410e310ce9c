from __future__ import annotations

import base64
from hashlib import sha256
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from config.kit.errors import NotFound
from history.domain.merkle import verify_consistency, verify_inclusion
from history.models import Checkpoint, Entry
from history.services import checkpoint, consistency_prove, inclusion_prove, sequence
from history.services.proving import NotYetProvable

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("position", [0, 1, 255, 256, 511, 512, 599])
def test_every_event_is_proved_against_the_checkpoint(history_of, position):
    made = history_of(600)
    proof = inclusion_prove(position=position)
    assert verify_inclusion(
        index=position, size=made.size, leaf=proof.leaf_hash, proof=proof.path, root=bytes(made.root)
    )


def test_a_few_lines_of_foreign_code_check_a_proof(history_of):
    """Nothing of ours but the document: SHA-256 over the leaf, the siblings, and the root of the note."""
    history_of(45)
    document = inclusion_prove(position=37).document()
    value = sha256(b"\x00" + document["leaf"].encode()).digest()
    index, last = document["leafIdx"], document["treeSize"] - 1
    for sibling in map(base64.b64decode, document["proof"]):
        while not index & 1 and index == last:  # a right edge without a sibling moves up as it is
            index, last = index >> 1, last >> 1
        pair = sibling + value if index & 1 else value + sibling
        value = sha256(b"\x01" + pair).digest()
        index, last = index >> 1, last >> 1
    assert base64.b64encode(value).decode() == document["checkpoint"].split("\n")[2] == document["root"]


def test_an_event_is_named_by_position_uid_or_row(history_of):
    history_of(5)
    event = Entry.objects.get(position=3).event
    proofs = [inclusion_prove(position=3), inclusion_prove(uid=event.uid), inclusion_prove(event_id=event.pk)]
    assert {proof.document()["leaf"] for proof in proofs} == {proofs[0].document()["leaf"]}


def test_an_earlier_checkpoint_can_be_asked_for(at, history_of, happen):
    first = history_of(300)
    happen(300)
    sequence(at=at)
    checkpoint(at=at)
    proof = inclusion_prove(position=299, size=first.size)
    assert proof.checkpoint == first
    assert verify_inclusion(
        index=299, size=300, leaf=proof.leaf_hash, proof=proof.path, root=bytes(first.root)
    )


def test_what_no_checkpoint_covers_is_not_proved(at, history_of, happen):
    (before,) = happen()
    with pytest.raises(NotYetProvable, match="no place"):
        inclusion_prove(event_id=before.pk)
    sequence(at=at)
    with pytest.raises(NotYetProvable):
        inclusion_prove(position=0)
    history_of(1)
    with pytest.raises(NotYetProvable):
        inclusion_prove(position=0, size=77)
    (after,) = happen()
    sequence(at=at)
    with pytest.raises(NotYetProvable):
        inclusion_prove(uid=after.uid)


@pytest.mark.parametrize("name", [{"position": 99}, {"uid": UUID(int=7)}, {"event_id": 99_999}, {}])
def test_an_unknown_event_is_not_found(history_of, name):
    history_of(2)
    with pytest.raises(NotFound):
        inclusion_prove(**name)


def test_a_proof_reads_few_rows_however_long_the_history(history_of):
    history_of(1200)
    with CaptureQueriesContext(connection) as queries:
        inclusion_prove(position=700)
    assert len(queries) <= 6


@pytest.mark.parametrize(("size1", "size2"), [(1, 600), (256, 600), (300, 599), (600, 600)])
def test_growth_is_proved_between_any_two_sizes(history_of, size1, size2):
    history_of(600)
    proof = consistency_prove(size1=size1, size2=size2)
    assert verify_consistency(
        size1=size1, size2=size2, root1=proof.root1, root2=proof.root2, proof=proof.path
    )
    assert (proof.root2 == bytes(Checkpoint.objects.get().root)) == (size2 == 600)


@pytest.mark.parametrize(("size1", "size2"), [(0, 1), (2, 1), (1, 4)])
def test_growth_between_sizes_that_never_were_is_not_proved(history_of, size1, size2):
    history_of(3)
    with pytest.raises(NotYetProvable):
        consistency_prove(size1=size1, size2=size2)
