from __future__ import annotations

import pytest

from config.kit.errors import Unavailable
from config.kit.sealing import unseal
from history.domain.notes import read_checkpoint
from history.models import Checkpoint, CheckpointKey, Event
from history.services import checkpoint, checkpoint_key_ensure, sequence
from history.services.checkpoints import HistoryInconsistent, checkpoint_key_create, checkpoint_keys_reseal

pytestmark = pytest.mark.django_db


def test_a_checkpoint_states_the_tree_and_is_signed(history_of, settings):
    made = history_of(7)
    state = read_checkpoint(made.note.encode(), [made.key.verifier_key])
    assert (state.origin, state.size, state.root) == (settings.HISTORY_ORIGIN, 7, bytes(made.root))


def test_a_tree_that_has_not_grown_is_not_signed_again(at, history_of):
    assert checkpoint(at=at) is None
    history_of(3)
    assert checkpoint(at=at) is None or Checkpoint.objects.count() == 1


def test_the_key_is_made_once_and_recorded(at):
    first = checkpoint_key_ensure(actor="user:1", at=at)
    assert checkpoint_key_ensure(actor="user:1", at=at) == first
    event = Event.objects.get(kind="checkpoint_key.created")
    assert event.subject == f"checkpoint-key:{first.verifier_key.id.hex()}"


def test_the_private_key_is_sealed(at, settings):
    key = checkpoint_key_ensure(actor="user:1", at=at)
    assert unseal(key.private_key) not in bytes(key.private_key)
    settings.KEY_ENCRYPTION_KEYS = ["b3RoZXIta2V5LWVuY3J5cHRpb24ta2V5LTMyLWJ5dGU="]
    sequence(at=at)
    with pytest.raises(Unavailable):
        checkpoint(at=at)


def test_sealed_again_it_opens_under_the_new_key_alone(at, settings, happen):
    checkpoint_key_ensure(actor="user:1", at=at)
    new = "b3RoZXIta2V5LWVuY3J5cHRpb24ta2V5LTMyLWJ5dGU="
    settings.KEY_ENCRYPTION_KEYS = [new, *settings.KEY_ENCRYPTION_KEYS]
    assert checkpoint_keys_reseal() == 1
    settings.KEY_ENCRYPTION_KEYS = [new]
    sequence(at=at)
    assert checkpoint(at=at) is not None


def test_a_new_key_signs_and_the_old_one_goes_on_verifying(at, history_of):
    first = history_of(2)
    checkpoint_key_create(actor="user:1", at=at)
    sequence(at=at)
    second = checkpoint(at=at)
    assert first.key != second.key
    assert CheckpointKey.objects.count() == 2
    for made in (first, second):
        assert read_checkpoint(made.note.encode(), [made.key.verifier_key]).size == made.size


def test_a_rewritten_tree_is_not_signed(at, history_of, happen, tamper):
    history_of(5)
    happen(2)
    tamper("UPDATE history_treehead SET frontier = zeroblob(64)" if _sqlite() else _ZERO)
    sequence(at=at)
    with pytest.raises(HistoryInconsistent):
        checkpoint(at=at)


_ZERO = "UPDATE history_treehead SET frontier = decode(repeat('00', 64), 'hex')"


def _sqlite():
    from django.db import connection

    return connection.vendor == "sqlite"


def test_a_shortened_tree_is_not_signed(at, history_of, happen, tamper):
    history_of(5)
    tamper(
        "DELETE FROM history_entry",
        "DELETE FROM history_treehead",
        "DELETE FROM history_event WHERE id > (SELECT MIN(id) FROM history_event)",
    )
    sequence(at=at)
    with pytest.raises(HistoryInconsistent):
        checkpoint(at=at)
