from __future__ import annotations

import os
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor

from config.broker.store import store_at

NOW = 1_000_000.0


def put(store, body, *, queue="work", urgency=9, ttl=None, at=NOW):
    store.declare(queue) if not store.has_queue(queue) else None
    return store.put([queue], body, urgency=urgency, ttl=ttl, at=at)


def take(store, queue="work", *, at=NOW, keep=True):
    return store.take(queue, at=at, keep=keep)


def other(path):
    """The store as a forked process sees it."""
    return store_at(path, retention=1000.0, max_length=5)


def test_messages_come_in_the_order_they_were_sent(store):
    for body in "abc":
        put(store, body)

    assert [take(store).body for _ in range(3)] == ["a", "b", "c"]


def test_an_urgent_message_overtakes(store):
    put(store, "later", urgency=9)
    put(store, "sooner", urgency=0)

    assert take(store).body == "sooner"


def test_a_held_message_is_not_given_twice(store):
    put(store, "a")

    assert take(store).body == "a"
    assert take(store) is None


def test_an_acknowledged_message_is_gone(store):
    put(store, "a")
    store.acknowledge(take(store).id)

    store.release([1])
    assert take(store) is None


def test_a_released_message_comes_back_in_its_place_and_says_so(store):
    put(store, "a")
    put(store, "b")
    first = take(store)
    store.release([first.id])

    again = take(store)
    assert (again.body, first.redelivered, again.redelivered) == ("a", False, True)


def test_a_message_that_needs_no_acknowledgement_is_gone_when_taken(store):
    put(store, "a")

    assert take(store, keep=False).body == "a"
    assert store.size("work") == 0


def test_what_is_sent_to_an_unknown_queue_is_not_kept(store):
    assert store.put(["nowhere"], "a", urgency=9, ttl=None, at=NOW) == 0


def test_an_expired_message_is_neither_given_nor_kept(store):
    put(store, "a", ttl=10.0)

    assert take(store, at=NOW + 10.0) is None
    store.sweep(NOW + 10.0)
    assert store.size("work") == 0


def test_a_message_that_nobody_takes_is_dropped_after_the_retention(store):
    put(store, "a")

    store.sweep(NOW + 999.0)
    assert store.size("work") == 1
    store.sweep(NOW + 1000.0)
    assert store.size("work") == 0


def test_a_held_message_does_not_grow_too_old(store):
    put(store, "a")
    held = take(store)

    store.sweep(NOW + 5000.0)
    store.release([held.id])
    assert store.size("work") == 1


def test_a_temporary_queue_keeps_only_the_newest(store):
    store.declare("events", temporary=True)
    for body in "abcdefg":
        put(store, body, queue="events")

    assert take(store, "events").body == "c"
    assert store.size("events") == 4


def test_purge_leaves_what_is_held(store):
    for body in "ab":
        put(store, body)
    held = take(store)

    assert store.purge("work") == 1
    store.release([held.id])
    assert store.size("work") == 1


def test_deleting_a_queue_takes_its_bindings_and_messages(store):
    store.declare("work")
    store.bind("x", "key", "", "work")
    put(store, "a")
    store.delete("work")

    assert store.bindings("x") == []
    store.declare("work")
    assert store.size("work") == 0


def test_a_binding_is_kept_once_and_can_be_undone(store):
    for _ in range(2):
        store.bind("x", "key", "", "work")

    assert store.bindings("x") == [("key", "", "work")]
    store.unbind("x", "key", "", "work")
    assert store.bindings("x") == []


def test_the_files_are_for_the_owner_only(store, path):
    put(store, "a")

    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}


def test_a_message_held_by_a_live_process_stays_with_it(store, path, forked):
    put(store, "a")
    with forked(lambda: take(other(path))):
        store.sweep(NOW)

        assert take(store) is None


def test_a_message_held_by_a_killed_process_comes_back(store, path, forked):
    put(store, "a")
    with forked(lambda: take(other(path))):
        pass
    store.sweep(NOW)

    again = take(store)
    assert (again.body, again.redelivered) == ("a", True)


def test_a_new_process_sweeps_before_it_takes(store, path, forked):
    """Recovery needs no waiting: a restarted worker starts with what the killed one held."""
    put(store, "a")
    with forked(lambda: take(other(path))):
        pass
    put(store, "b")

    assert [take(store).body for _ in range(2)] == ["a", "b"]


def test_a_killed_process_leaves_no_temporary_queue_behind(store, path, forked):
    def declare():
        other(path).declare("reply", temporary=True)
        other(path).bind("replies", "me", "", "reply")

    with forked(declare):
        store.sweep(NOW)
        assert store.has_queue("reply")
    store.sweep(NOW)

    assert not store.has_queue("reply")
    assert store.bindings("replies") == []


def test_a_reused_process_number_does_not_keep_a_message(store, path, forked):
    """The dead session carries the number of a process that lives: this one."""
    put(store, "a")
    with forked(lambda: take(other(path))):
        pass
    with sqlite3.connect(path) as db:
        db.execute("UPDATE session SET pid = ?", (os.getpid(),))
    db.close()
    store.sweep(NOW)

    assert take(store).body == "a"


def test_a_fork_neither_shares_nor_ends_its_parents_session(store, path, forked):
    put(store, "a")
    held = take(store)

    def interfere():
        child = other(path)
        child.acknowledge(held.id)
        child.release([held.id])
        child.sweep(NOW)
        assert take(child) is None

    with forked(interfere):
        assert take(store) is None
    store.release([held.id])
    assert store.size("work") == 1


def test_an_idle_look_waits_for_no_writer(store, path):
    store.declare("work")
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")

    assert take(store) is None
    writer.execute("ROLLBACK")
    writer.close()


def test_threads_share_a_store_without_losing_or_doubling(store):
    store.declare("work")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: put(store, str(number)), range(200)))
        taken = list(pool.map(lambda _: take(store).body, range(200)))

    assert sorted(map(int, taken)) == list(range(200))


def test_processes_that_open_a_new_file_together_all_succeed(path, forked):
    def open_and_put():
        for number in range(20):
            put(other(path), str(number))

    with forked(open_and_put), forked(open_and_put), forked(open_and_put):
        pass
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT count(*) FROM message").fetchone() == (60,)
    db.close()
