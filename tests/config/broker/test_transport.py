from __future__ import annotations

import socket

import pytest
import time_machine
from kombu import Connection, Consumer, Exchange, Producer, Queue
from kombu.pidbox import Mailbox

import config.broker
from config.broker import store as stores

WORK = Queue("work", Exchange("work"), routing_key="work")


def publish(connection, body, **options):
    Producer(connection.channel()).publish(body, **{"exchange": WORK.exchange, "declare": [WORK], **options})


def drain(connection, queues, *, count, **options):
    seen = []

    def receive(body, message):
        seen.append(body)
        if not options.get("no_ack"):
            message.ack()

    with Consumer(connection, queues, callbacks=[receive], **options):
        for _ in range(count):
            connection.drain_events(timeout=2)
    return seen


def send(connection, bodies, **options):
    for body in bodies:
        publish(connection, body, routing_key="work", **options)


def test_the_address_needs_only_a_path(path):
    with Connection(config.broker.URL, transport_options={"path": path}) as connection:
        connection.ensure_connection(max_retries=1)
        assert connection.transport.driver_type == "sqlite"
    stores.close_all()
    assert path.exists()


def test_a_message_reaches_a_consumer_with_its_headers(connection):
    publish(connection, {"n": 1}, routing_key="work", headers={"id": "x"})
    message = WORK(connection.channel()).get()

    assert (message.payload, message.headers["id"], message.delivery_info["routing_key"]) == (
        {"n": 1},
        "x",
        "work",
    )


def test_messages_wait_in_the_file_for_a_later_connection(connection):
    send(connection, [1, 2])
    connection.release()
    stores.close_all()

    assert drain(connection, [WORK], count=2) == [1, 2]


def test_the_prefetch_count_limits_what_is_held(connection):
    send(connection, range(4))
    held = []
    with Consumer(connection, [WORK], prefetch_count=2, callbacks=[lambda _, message: held.append(message)]):
        for _ in range(2):
            connection.drain_events(timeout=1)
        with pytest.raises(socket.timeout):
            connection.drain_events(timeout=0.05)
        held[0].ack()
        connection.drain_events(timeout=1)

    assert [message.payload for message in held] == [0, 1, 2]


def test_a_closed_channel_gives_back_what_was_not_acknowledged(connection):
    send(connection, [1, 2])
    channel = connection.channel()
    WORK(channel).get().ack()
    WORK(channel).get()
    channel.close()

    again = WORK(connection.channel()).get()
    assert (again.payload, again.delivery_info["redelivered"]) == (2, True)


def test_a_rejected_message_is_dropped_or_returns(connection):
    send(connection, ["drop", "return"])
    queue = WORK(connection.channel())
    queue.get().reject()
    queue.get().requeue()

    assert queue.get().payload == "return"
    assert queue.get() is None


def test_higher_priority_goes_first(connection):
    for priority in (0, 9, 5):
        publish(connection, priority, routing_key="work", priority=priority)

    assert drain(connection, [WORK], count=3) == [9, 5, 0]


def test_an_expired_message_is_not_delivered(connection):
    with time_machine.travel(0):
        send(connection, ["late"], expiration=60)
    send(connection, ["in time"])

    assert drain(connection, [WORK], count=1) == ["in time"]


def test_topics_route_by_pattern(connection):
    exchange = Exchange("topics", "topic")
    queues = [Queue("orders", exchange, routing_key="order.#"), Queue("paid", exchange, routing_key="*.paid")]
    for key in ("order.paid", "trial.paid", "order.made.late"):
        publish(connection, key, exchange=exchange, routing_key=key, declare=queues)

    assert drain(connection, queues[:1], count=2) == ["order.paid", "order.made.late"]
    assert drain(connection, queues[1:], count=2) == ["order.paid", "trial.paid"]


def test_a_fanout_reaches_every_queue(connection):
    exchange = Exchange("news", "fanout", durable=False)
    queues = [Queue(name, exchange, exclusive=True) for name in ("a", "b")]
    publish(connection, "hello", exchange=exchange, declare=queues)

    assert [drain(connection, [queue], count=1, no_ack=True) for queue in queues] == [["hello"], ["hello"]]


def test_a_fanout_without_listeners_keeps_nothing(connection):
    publish(connection, "hello", exchange=Exchange("news", "fanout"), declare=[])

    assert connection.channel().store.bindings("news") == []


def test_sending_to_a_name_makes_the_queue(connection):
    publish(connection, 1, exchange="", routing_key="by-name", declare=[])

    assert drain(connection, [Queue("by-name")], count=1) == [1]


def test_a_temporary_queue_ends_with_its_channel(connection):
    channel = connection.channel()
    Queue("mine", Exchange("news", "fanout"), exclusive=True)(channel).declare()
    store = channel.store
    channel.close()

    assert not store.has_queue("mine")


def test_messages_of_a_queue_with_a_time_to_live_expire(connection):
    channel = connection.channel()
    queue = Queue("short", Exchange("short"), routing_key="short", message_ttl=60)(channel)
    with time_machine.travel(0):
        publish(connection, 1, exchange=queue.exchange, routing_key="short", declare=[queue])

    assert queue.get() is None


def test_purge_and_size(connection):
    send(connection, range(3))
    queue = WORK(connection.channel())

    assert queue.queue_declare(passive=True).message_count == 3
    assert queue.purge() == 3
    assert queue.get() is None


def test_calls_to_a_mailbox_leave_no_reply_queue(connection):
    """A process that pings for months must not grow."""
    mailbox = Mailbox("signet", "fanout", connection)
    node = mailbox.Node("host", channel=connection.channel(), handlers={"ping": lambda _, **__: "pong"})
    node.listen()
    for _ in range(3):
        assert mailbox.multi_call("ping", timeout=0.1) == [{"host": "pong"}]

    store = connection.channel().store
    assert store.bindings("reply.signet.pidbox") == []


def test_an_unbound_queue_gets_nothing(connection):
    channel = connection.channel()
    queue = WORK(channel)
    queue.declare()
    queue.unbind_from(WORK.exchange, "work")
    send(connection, [1], declare=[])

    assert queue.get() is None
