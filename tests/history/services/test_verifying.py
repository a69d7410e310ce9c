from __future__ import annotations

import pytest
from django.db import connection

from history.models import Checkpoint, Entry, TreeHead
from history.services import checkpoint, sequence, verify
from history.services.checkpoints import checkpoint_key_create

pytestmark = pytest.mark.django_db
SIZE = 600


def at_position(column, position):
    return f"(SELECT {column} FROM history_entry WHERE position = {position})"


def event_at(position):
    return Entry.objects.get(position=position).event_id


def test_an_empty_history_is_sound():
    result = verify()
    assert result.ok
    assert result.size == 0


def test_an_untouched_history_is_sound(at, history_of, happen):
    made = history_of(SIZE)
    happen(3)
    result = verify(notes=[made.note.encode()])
    assert (result.ok, result.size, result.checkpoints) == (True, SIZE, 2)
    assert result.waiting == 4  # the three, and that the checkpoint key was made
    assert result.root == bytes(made.root)
    assert result.unprotected == []


def test_progress_is_told(history_of):
    history_of(10)
    told = []
    verify(progress=lambda done, size: told.append((done, size)))
    assert told == [(10, 10)]


def bad(statements, tamper, **options):
    tamper(*statements)
    result = verify(**options)
    assert not result.ok
    return (result.problem.cause, result.problem.first, result.problem.last)


@pytest.mark.parametrize(
    "change",
    [
        "kind = 'license.revoked'",
        "subject = 'license:L-other'",
        "account = ''",
        "actor = 'user:2'",
        "data = '{\"seats\": 11}'",
        "at = '2026-03-01 12:00:01'",
        "recorded_at = '2026-03-01 12:00:01'",
    ],
)
def test_every_changed_column_of_an_event_is_found(history_of, tamper, change):
    history_of(SIZE)
    statement = f"UPDATE history_event SET {change} WHERE id = {event_at(300)}"
    assert bad([statement], tamper) == ("event_changed", 300, 300)


def test_an_event_that_cannot_be_read_is_found(history_of, tamper):
    history_of(20)
    statement = f"UPDATE history_event SET data = '{{\"n\": 9007199254740993}}' WHERE id = {event_at(7)}"
    assert bad([statement], tamper) == ("event_unreadable", 7, 7)


def test_two_swapped_events_are_found(history_of, tamper):
    history_of(20)
    one, other = event_at(4), event_at(9)
    swap = [
        "UPDATE history_entry SET event_id = -1 WHERE position = 4",
        f"UPDATE history_entry SET event_id = {one} WHERE position = 9",
        f"UPDATE history_entry SET event_id = {other} WHERE position = 4",
    ]
    if connection.vendor == "postgresql":
        pytest.skip("PostgreSQL's foreign key refuses the step in between")
    assert bad(swap, tamper) == ("event_changed", 4, 4)


def test_a_deleted_entry_is_found(history_of, tamper):
    history_of(20)
    assert bad(["DELETE FROM history_entry WHERE position = 6"], tamper) == ("entry_missing", 6, 6)


def test_a_deleted_event_is_found(history_of, tamper):
    if connection.vendor != "sqlite":
        pytest.skip("the foreign key cannot be outwitted inside a test's transaction")
    history_of(20)
    assert bad([f"DELETE FROM history_event WHERE id = {event_at(6)}"], tamper) == ("event_missing", 6, 6)
    tamper("DELETE FROM history_entry WHERE position = 6")  # or the test's transaction could not end


def test_an_event_rewritten_together_with_its_entry_is_found_by_the_tree(history_of, tamper):
    history_of(SIZE)
    rewrite = [f"UPDATE history_entry SET leaf_hash = {at_position('leaf_hash', 1)} WHERE position = 300"]
    rewrite.append(f"UPDATE history_event SET subject = 'license:L-1' WHERE id = {event_at(300)}")
    assert bad(rewrite, tamper)[1] == 300
    forge_leaf(300, tamper)
    result = verify()
    assert (result.problem.cause, result.problem.first, result.problem.last) == ("tree_changed", 256, 511)


def forge_leaf(position, tamper):
    """Give an entry the leaf hash of the event as it now is."""
    from history.domain.leaves import row_hash
    from history.models import Event
    from history.rows import event_texts

    value = row_hash(Event.objects.values_list(*event_texts()).get(pk=event_at(position))).hex()
    literal = f"X'{value}'" if connection.vendor != "postgresql" else f"'\\x{value}'"
    tamper(f"UPDATE history_entry SET leaf_hash = {literal} WHERE position = {position}")


def rebuild(tamper, at):
    """Sequence everything anew, as a forger would who has the whole database but not the signing key."""
    tamper("DELETE FROM history_entry", "DELETE FROM history_treenode", "DELETE FROM history_treehead")
    sequence(at=at)


def test_a_tree_rebuilt_over_a_changed_event_is_found_by_the_checkpoints(at, history_of, happen, tamper):
    history_of(20)
    happen(20)
    sequence(at=at)
    checkpoint(at=at)
    tamper(f"UPDATE history_event SET actor = 'user:2' WHERE id = {event_at(30)}")
    rebuild(tamper, at)
    result = verify()
    assert (result.problem.cause, result.problem.first, result.problem.last) == (
        "checkpoint_mismatch",
        20,
        40,
    )


def test_a_tail_cut_off_after_a_checkpoint_is_found(at, history_of, tamper):
    history_of(20)
    keep = event_at(14)
    tamper("DELETE FROM history_entry", f"DELETE FROM history_event WHERE id > {keep}")
    rebuild(tamper, at)
    result = verify()
    assert (result.problem.cause, result.problem.first, result.problem.last) == ("history_truncated", 15, 19)


def test_a_history_forged_with_its_checkpoints_is_found_by_a_kept_one(at, history_of, tamper):
    """The insider has the database and the key-encryption key; the auditor has a file."""
    kept = history_of(20)
    tamper(
        "DELETE FROM history_checkpoint",
        f"UPDATE history_event SET actor = 'user:2' WHERE id = {event_at(3)}",
    )
    rebuild(tamper, at)
    checkpoint(at=at)
    assert verify().ok
    result = verify(notes=[kept.note.encode()])
    assert (result.problem.cause, result.problem.first, result.problem.last) == ("checkpoint_mismatch", 0, 19)


def test_a_kept_checkpoint_of_a_replaced_key_needs_the_kept_verifier_key(at, history_of, tamper):
    kept = history_of(5)
    key = kept.key.verifier_key
    checkpoint_key_create(actor="user:1", at=at)
    other = checkpoint_key_create(actor="user:1", at=at).verifier_key
    assert verify(notes=[kept.note.encode()], keys=[key]).ok
    result = verify(notes=[kept.note.encode()], keys=[other])
    assert result.problem.cause == "checkpoint_unreadable"


@pytest.mark.parametrize("note", [b"", b"not a note", "origin\n1\nAAAA\n\n— a AAAAAAAA\n".encode()])
def test_a_file_that_is_no_checkpoint_is_a_problem(history_of, note):
    history_of(3)
    assert verify(notes=[note]).problem.cause == "checkpoint_unreadable"


@pytest.mark.parametrize(
    "change", ["size = size - 1", "note = REPLACE(note, 'history', 'mystery')", "note = ''", "root = note"]
)
def test_a_changed_checkpoint_is_found(history_of, tamper, change):
    if connection.vendor == "postgresql" and change == "root = note":
        change = "root = convert_to(note, 'UTF8')"
    history_of(20)
    cause, first, last = bad([f"UPDATE history_checkpoint SET {change}"], tamper)
    assert (cause, first) == ("checkpoint_changed", 0)
    assert last in {18, 19}


def test_an_event_is_blamed_before_a_checkpoint_behind_it(history_of, tamper):
    history_of(20)
    both = [
        "UPDATE history_checkpoint SET note = ''",
        f"UPDATE history_event SET actor = 'user:2' WHERE id = {event_at(3)}",
    ]
    assert bad(both, tamper) == ("event_changed", 3, 3)


def test_entries_and_nodes_beyond_the_head_are_found(at, history_of, happen, tamper):
    history_of(SIZE)
    into = "INSERT INTO history_treenode (level, number, hash)"
    node = f"{into} SELECT 8, 99, hash FROM history_treenode WHERE number = 0"
    assert bad([node], tamper) == ("tree_changed", SIZE, SIZE)
    (event,) = happen()
    columns = f"{SIZE}, {event.pk}, leaf_hash"
    entry = f"INSERT INTO history_entry (position, event_id, leaf_hash) SELECT {columns} FROM history_entry"
    entry += " WHERE position = 0"
    assert bad([entry], tamper) == ("entry_beyond_head", SIZE, SIZE)


def test_a_changed_head_is_found(history_of, tamper):
    history_of(20)
    TreeHead.objects.update(frontier=b"\0" * 64)
    assert bad([], tamper) == ("head_changed", 20, 20)
    TreeHead.objects.update(frontier=b"\0" * 63)
    assert bad([], tamper) == ("head_changed", 20, 20)


def test_a_changed_node_is_found(history_of, tamper):
    history_of(SIZE)
    other = "(SELECT hash FROM history_treenode WHERE number = 0)"
    statement = f"UPDATE history_treenode SET hash = {other} WHERE number = 1"
    assert bad([statement], tamper) == ("tree_changed", 256, 511)


def test_many_checkpoints_are_all_met(at, happen):
    for _ in range(5):
        happen(3)
        sequence(at=at)
        checkpoint(at=at)
    assert verify().checkpoints == Checkpoint.objects.count() == 5
