"""The one door to NATS. Only this module imports it; what leaves are plain answers of ours.

A process has one connection, kept by one thread with an event loop. Both begin with the first message, after
a worker has forked, and end when they are closed. No database transaction may be open while one of these runs.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from notifications.domain.bus import Answer, Outcome

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.js.api import StreamConfig

CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 5.0
STORE_FAILED = 10077
"""JetStream's code for a message that its limits keep out (nats-server, errors.json: JSStreamStoreFailedF)."""
MOST_SUBJECTS = 1

log = structlog.get_logger(__name__)
T = TypeVar("T")


class BusUnreachable(Exception):
    """No server answers, or nats-py is not installed; the sentence says which."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to publish. `message_id` goes out as `Nats-Msg-Id`."""

    subject: str
    message_id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream as we need it. `window_seconds` is how long the server itself remembers message ids."""

    name: str
    subjects: tuple[str, ...]
    window_seconds: float = 120.0
    replicas: int = 1


@dataclass(frozen=True, slots=True)
class Difference:
    """A member of the stream's configuration that is not as we need it."""

    member: str
    found: Any
    wanted: Any


class Bus:
    """The connection of this process. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pid = 0
        self._url = ""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._client: Client | None = None
        self._connecting: asyncio.Lock | None = None

    def publish(self, url: str, messages: Sequence[Outgoing], *, stream: str) -> list[Answer]:
        """Publish all of them side by side; one answer each, in order. Never raises for the bus's sake."""
        try:
            return self._run(url, lambda: self._publish(messages, stream), ANSWER_SECONDS * 2)
        except BusUnreachable as error:
            return [Answer(Outcome.UNREACHABLE, detail=str(error))] * len(messages)

    def stream_ensure(self, url: str, wanted: Stream, *, apply: bool = True) -> tuple[bool, list[Difference]]:
        """Create the stream or change it; whether it was made, and what was not as wanted. Raises BusUnreachable."""
        return self._run(url, lambda: self._ensure(wanted, apply=apply), ANSWER_SECONDS * 3)

    def ask(self, url: str) -> str:
        """The server's version and its streams, for whoever examines this installation. Raises BusUnreachable."""
        return self._run(url, self._ask, ANSWER_SECONDS)

    def close(self) -> None:
        """End connection and thread; the next message begins anew."""
        with self._lock:
            loop, thread, client, pid = self._loop, self._thread, self._client, self._pid
            self._loop = self._thread = self._client = self._connecting = None
        if loop is None or thread is None or pid != os.getpid():
            return  # a forked child has the objects of its parent, but neither its thread nor its connection
        if client is not None:
            with suppress(Exception):  # it may be gone already
                asyncio.run_coroutine_threadsafe(client.close(), loop).result(CONNECT_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(CONNECT_SECONDS)

    # --- the thread ---------------------------------------------------------------------------------

    def _run(self, url: str, work: Callable[[], Coroutine[Any, Any, T]], seconds: float) -> T:
        loop = self._start(url)
        future = asyncio.run_coroutine_threadsafe(self._connected(url, work), loop)
        try:
            return future.result(CONNECT_SECONDS + seconds)
        except TimeoutError as error:
            future.cancel()
            raise BusUnreachable("NATS does not answer in time.") from error

    def _start(self, url: str) -> asyncio.AbstractEventLoop:
        with self._lock:
            stale = self._loop is not None and (self._pid != os.getpid() or self._url != url)
        if stale:
            self.close()
        with self._lock:
            if self._loop is None:
                self._loop, self._pid, self._url = asyncio.new_event_loop(), os.getpid(), url
                self._thread = threading.Thread(target=_turn, args=[self._loop], name="bus", daemon=True)
                self._thread.start()
            return self._loop

    async def _connected(self, url: str, work: Callable[[], Awaitable[T]]) -> T:
        if self._connecting is None:
            self._connecting = asyncio.Lock()
        async with self._connecting:
            if self._client is None or self._client.is_closed:
                self._client = await _connect(url)
        if not self._client.is_connected:
            raise BusUnreachable("The connection to NATS is lost; it is being made again.")
        return await work()

    # --- what is said -------------------------------------------------------------------------------

    async def _publish(self, messages: Sequence[Outgoing], stream: str) -> list[Answer]:
        return list(await asyncio.gather(*(self._publish_one(message, stream) for message in messages)))

    async def _publish_one(self, message: Outgoing, stream: str) -> Answer:
        import nats.errors
        from nats.js import errors

        headers = {"Nats-Msg-Id": message.message_id}
        jetstream = self._jetstream()
        try:
            ack = await jetstream.publish(
                message.subject, message.body, timeout=ANSWER_SECONDS, stream=stream, headers=headers
            )
        except errors.NoStreamResponseError:
            detail = "No stream takes this subject. Run: manage.py bus ensure-stream"
            return Answer(Outcome.REFUSED, detail=detail)
        except errors.APIError as error:
            if error.err_code == STORE_FAILED:
                return await self._present(message, stream, str(error.description or ""))
            return Answer(
                Outcome.REFUSED, detail=f"JetStream refused it: {error.description} ({error.err_code})"
            )
        except nats.errors.MaxPayloadError:
            return Answer(Outcome.REFUSED, detail="The server takes no message of this size.")
        except (nats.errors.Error, OSError, TimeoutError) as error:
            return Answer(Outcome.UNREACHABLE, detail=f"NATS did not confirm it ({type(error).__name__}).")
        outcome = Outcome.PRESENT if ack.duplicate else Outcome.STORED
        return Answer(outcome, stream=ack.stream, sequence=ack.seq)

    async def _present(self, message: Outgoing, stream: str, why: str) -> Answer:
        """A full subject is one that has its message: this one, when it bears the same id."""
        import nats.errors
        from nats.js import errors

        try:
            there = await self._jetstream().get_last_msg(stream, message.subject)
        except errors.NotFoundError:
            return Answer(Outcome.REFUSED, detail=f"JetStream refused it: {why} ({STORE_FAILED})")
        except (nats.errors.Error, OSError, TimeoutError) as error:
            return Answer(Outcome.UNREACHABLE, detail=f"NATS did not confirm it ({type(error).__name__}).")
        if (there.headers or {}).get("Nats-Msg-Id") != message.message_id:
            return Answer(Outcome.REFUSED, detail="Another message stands under its subject.")
        return Answer(Outcome.PRESENT, stream=stream, sequence=there.seq)

    async def _ensure(self, wanted: Stream, *, apply: bool) -> tuple[bool, list[Difference]]:
        from nats.js import errors

        jetstream = self._jetstream()
        config = _config(wanted)
        try:
            found = (await jetstream.stream_info(wanted.name)).config
        except errors.NotFoundError:
            if apply:
                await jetstream.add_stream(config)
            return True, []
        except errors.APIError as error:
            raise BusUnreachable(f"JetStream refused: {error.description}") from error
        differences = _differences(found, config)
        if differences and apply:
            for difference in differences:
                setattr(found, difference.member, difference.wanted)
            try:
                await jetstream.update_stream(found)
            except errors.APIError as error:
                raise BusUnreachable(f"JetStream refused the change: {error.description}") from error
        return False, differences

    async def _ask(self) -> str:
        account = await self._jetstream().account_info()
        version = self._the_client().connected_server_version
        number = f"{version.major}.{version.minor}.{version.patch}"
        return f"NATS {number}, JetStream with {account.streams} streams"

    def _jetstream(self) -> Any:
        return self._the_client().jetstream(timeout=ANSWER_SECONDS)

    def _the_client(self) -> Client:
        if self._client is None:  # closed by another thread meanwhile
            raise BusUnreachable("The connection to NATS was closed.")
        return self._client


def _turn(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.run_until_complete(_end_tasks())
        loop.close()


async def _end_tasks() -> None:
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


async def _connect(url: str) -> Client:
    try:
        import nats
    except ImportError as error:
        raise BusUnreachable("nats-py is not installed: pip install 'signet[nats]'") from error
    try:
        client = await asyncio.wait_for(
            nats.connect(
                [server.strip() for server in url.split(",")],
                name="signet",
                connect_timeout=int(CONNECT_SECONDS),
                max_reconnect_attempts=-1,
                reconnect_time_wait=1,
                allow_reconnect=True,
                error_cb=_note,
            ),
            CONNECT_SECONDS,
        )
    except (nats.errors.Error, OSError, TimeoutError) as error:
        raise BusUnreachable(f"NATS does not answer ({type(error).__name__}).") from error
    return client


async def _note(error: Exception) -> None:
    """Without it nats-py prints a traceback for each attempt to connect again."""
    log.debug("bus_error", error=type(error).__name__)


def _config(wanted: Stream) -> StreamConfig:
    from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig

    return StreamConfig(
        name=wanted.name,
        description="Licenses that were bought, one message each",
        subjects=list(wanted.subjects),
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        discard_new_per_subject=True,
        max_msgs_per_subject=MOST_SUBJECTS,
        duplicate_window=wanted.window_seconds,
        num_replicas=wanted.replicas,
    )


# What makes "published once" hold; the rest, as ages and sizes, is the operator's own affair.
_NEEDED = ("subjects", "discard", "discard_new_per_subject", "max_msgs_per_subject")


def _differences(found: StreamConfig, wanted: StreamConfig) -> list[Difference]:
    pairs = ((name, getattr(found, name), getattr(wanted, name)) for name in _NEEDED)
    return [Difference(name, here, there) for name, here, there in pairs if not _same(here, there)]


def _same(here: Any, there: Any) -> bool:
    if isinstance(there, list):
        return sorted(here or []) == sorted(there)
    return bool(here == there)


bus = Bus()
"""The connection of this process."""
