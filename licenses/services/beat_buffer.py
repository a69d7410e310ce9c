"""Buffered heartbeats: taken in memory, kept in a Redis stream, applied in batches by one worker at a time.

For installations by the hundred thousand (SIGNET_HEARTBEAT_BUFFER). A process gathers beats for a tenth of a
second and appends them to the stream in one round trip; killed in between, it loses that tenth, and told to
stop, it appends them first. From the stream on nothing is lost or counted twice: the cursor of what was
applied stands in the database and moves in the transaction that applies it. The answer is made from facts that
are at most some seconds old.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import threading
import time
from collections import OrderedDict
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from redis import Redis
from redis.exceptions import RedisError

from config.kit.enqueue import wake
from config.kit.locks import locked
from licenses import beats
from licenses.beats import Said, Touch
from licenses.domain.enums import NodeCapState
from licenses.domain.heartbeats import Beat, Signal
from licenses.domain.node_caps import effective_cap, is_over
from licenses.models import BeatCursor
from licenses.services.beat_window import Hour
from licenses.services.heartbeats import (
    BeatAnswer,
    Speaker,
    beat_answer,
    beat_apply,
    beat_receive,
    demand_known,
)

STREAM = "signet:beats"
GATHER_SECONDS = 0.1
MOST_GATHERED = 5_000
AN_ENTRY = 250
"""Beats of one entry of the stream at most."""
ENTRIES = 8
"""Entries that are applied in one transaction at most."""
FACTS_FOR = timedelta(seconds=10)
MOST_REMEMBERED = 20_000
IDLE_ROUNDS = 50

log = structlog.get_logger(__name__)
hour = Hour()

# --- taking ---------------------------------------------------------------------------------------------

_clients: dict[str, Redis] = {}


def client() -> Redis:
    """The connection pool to SIGNET_REDIS_URL, one for each process."""
    url = str(settings.REDIS_URL)
    if url not in _clients:
        _clients[url] = Redis.from_url(url, socket_timeout=5)
    return _clients[url]


def beat_buffer(*, speaker: Speaker, beat: Beat, at: datetime) -> BeatAnswer:
    """As `beat_receive`, but kept a moment later. Applied at once when the buffer is full or Redis is gone."""
    found = beats.look(speaker.digest, beat.install_id)
    facts = demand_known(found.facts if found else None)
    if found is None or not _gathering.add(_packed(facts.license_pk, at, _body(beat))):
        return beat_receive(speaker=speaker, beat=beat, at=at)
    return beat_answer(facts, beat, state=_state(found, beat), installations=found.installations, at=at)


def _state(found: Touch, beat: Beat) -> NodeCapState:
    """How an installation stands to its cap with this beat: as before, or within, or over it only now."""
    if not is_over(beat.nodes, effective_cap(found.facts.nodes, beat.operator_node_cap)):
        return NodeCapState.WITHIN
    return found.state if found.state is not NodeCapState.WITHIN else NodeCapState.QUIET


@dataclass(frozen=True, slots=True)
class Again:
    """A beat as it was said some seconds ago and is said again: who said it, and the answer it got."""

    name: str
    answer: bytes
    license_pk: int
    body: str
    since: datetime
    until: datetime

    def keep(self, at: datetime) -> bool:
        """Take the beat once more, unless the buffer is full."""
        return _gathering.add(_packed(self.license_pk, at, self.body))


_again: OrderedDict[bytes, Again] = OrderedDict()


def words_of(text: str, body: bytes) -> bytes:
    """By what `said_again` knows a request: the digest of its credential and its body."""
    return hashlib.sha256(b"%d:%s%s" % (len(text), text.encode("utf-8", "surrogatepass"), body)).digest()


def said_again(words: bytes, at: datetime) -> Again | None:
    """What is known of exactly this request, while its answer still holds and for ten seconds at most."""
    found = _again.get(words)
    return found if found is not None and found.since <= at < found.until else None


def said_keep(
    words: bytes, *, speaker: Speaker, beat: Beat, told: BeatAnswer, answer: bytes, at: datetime
) -> None:
    """Remember a request that was answered."""
    until = min(at + FACTS_FOR, told.view.changes_at or at + FACTS_FOR)
    _again[words] = Again(speaker.name, answer, told.facts.license_pk, _body(beat), at, until)
    while len(_again) > MOST_REMEMBERED:
        _again.popitem(last=False)


class _Gathering:
    """Beats on their way to the stream, in the memory of this process, with the thread that carries them."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.entries: list[str] = []
        self.thread: threading.Thread | None = None

    def add(self, entry: str) -> bool:
        """Take one, unless the buffer is full. The thread is started by the first beat, so also after a fork."""
        with self.lock:
            if len(self.entries) >= MOST_GATHERED:
                return False
            self.entries.append(entry)
            if self.thread is None or not self.thread.is_alive():
                self.thread = threading.Thread(target=self._carry, name="beats", daemon=True)
                self.thread.start()
        return True

    def take(self) -> list[str]:
        with self.lock:
            taken, self.entries = self.entries, []
        return taken

    def put_back(self, taken: list[str]) -> None:
        with self.lock:
            self.entries = taken + self.entries

    def _carry(self) -> None:
        idle = 0
        while self._goes_on(idle):
            time.sleep(GATHER_SECONDS if idle < IDLE_ROUNDS else GATHER_SECONDS * IDLE_ROUNDS)
            idle = idle + 1
            if beats_flush():
                idle = 0
                wake("licenses.beats_drain", seconds=1.0)

    def _goes_on(self, idle: int) -> bool:
        """The thread ends when nothing came for a while and nothing waits for Redis to be back.

        Decided under the lock, so that no beat is left to a thread that is about to end.
        """
        with self.lock:
            if idle < IDLE_ROUNDS or self.entries:
                return True
            self.thread = None
            return False


_gathering = _Gathering()


def beats_flush() -> int:
    """Append what was gathered to the stream; return how many. What Redis does not take waits in memory."""
    taken = _gathering.take()
    if not taken:
        return 0
    number, told = hour.untold()
    try:
        with client().pipeline(transaction=True) as pipe:
            for first in range(0, len(taken), AN_ENTRY):
                pipe.xadd(STREAM, {"b": f"[{','.join(taken[first : first + AN_ENTRY])}]"})
            hour.tell(pipe, number, told)
            *_, sums = pipe.execute()
    except (RedisError, OSError) as error:
        log.warning("beats_not_kept", count=len(taken), error=repr(error))
        _gathering.put_back(taken)
        return 0
    hour.told(number, told, sums)
    return len(taken)


atexit.register(beats_flush)  # a process that is told to stop keeps its last tenth of a second


def forget() -> None:
    """Drop what this process remembers and gathered."""
    _gathering.take()
    _again.clear()
    hour.forget()


# --- applying -------------------------------------------------------------------------------------------


def beats_drain(*, limit: int = 50_000) -> int:
    """Apply what stands in the stream, in order, each beat once; return how many.

    One worker at a time holds the cursor; another finds nothing to do. Entries are trimmed after the commit:
    a crash in between trims them at the next run, and the cursor passes them over.
    """
    done = 0
    while done < limit:
        moved = _drain_batch()
        if not moved:
            break
        done += moved
    return done


def _drain_batch() -> int:
    with transaction.atomic():
        BeatCursor.objects.get_or_create(pk=BeatCursor.ONLY)
        cursor = locked(BeatCursor.objects.filter(pk=BeatCursor.ONLY)).get()
        entries: Any = client().xrange(STREAM, min=f"({cursor.last_id}", count=ENTRIES)
        if not entries:
            return 0
        read = [said for _, fields in entries for said in _unpacked(fields)]
        heard = [said for said in read if said is not None]
        _apply(_joined(heard))
        cursor.last_id = entries[-1][0].decode()
        cursor.moved_at = max((said.at for said in heard), default=cursor.moved_at)
        cursor.save()
    client().xtrim(STREAM, minid=cursor.last_id, approximate=False)
    return len(read)


def _apply(groups: list[Said]) -> None:
    """Those that say nothing new in one statement, where there is one; the rest one by one.

    What an installation said first comes first: what it said after that waits for the next round.
    """
    while groups:
        first: dict[tuple[int, str], Said] = {}
        later = [said for said in groups if first.setdefault(_owner(said), said) is not said]
        now = list(first.values())
        touched = beats.touch_many(now) if beats.can_touch() else set()
        for place, said in enumerate(now):
            if place not in touched:
                beat_apply(
                    license_pk=said.license_pk, beat=said.beat, count=said.count, since=said.since, at=said.at
                )
        groups = later


def _owner(said: Said) -> tuple[int, str]:
    return said.license_pk, said.beat.install_id


def _joined(read: list[Said]) -> list[Said]:
    """Beats of one installation that say the same on one day, one after the other, become one."""

    def same(said: Said) -> Any:
        return said.license_pk, said.beat, said.at.date()

    # a stable sort: what one installation says stays in the order in which it came
    groups = [list(group) for _, group in groupby(sorted(read, key=_owner), key=same)]
    return [_one(group) for group in groups]


def _one(group: list[Said]) -> Said:
    instants = sorted(said.at for said in group)
    return replace(group[0], since=instants[0], at=instants[-1], count=len(group))


def _body(beat: Beat) -> str:
    return json.dumps(asdict(beat), separators=(",", ":"))


def _packed(license_pk: int, at: datetime, body: str) -> str:
    return f'[{license_pk},"{at.isoformat()}",{body}]'


def _unpacked(fields: dict[bytes, bytes]) -> list[Said | None]:
    """The beats of an entry; nothing of ours is logged and passed over, so that it cannot stop the stream."""
    try:
        return [_said(*packed) for packed in json.loads(fields[b"b"])]
    except (KeyError, TypeError, ValueError) as error:
        log.warning("beat_unreadable", error=repr(error))
        return [None]


def _said(license_pk: int, at: str, body: dict[str, Any]) -> Said:
    signals = tuple(Signal(**signal) for signal in body.pop("signals"))
    heard = datetime.fromisoformat(at)
    return Said(license_pk, Beat(**body, signals=signals), heard, heard)
