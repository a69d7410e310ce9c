"""What waits for a person, over all sources: found, counted, tried again, set aside."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import structlog
from django.core.cache import cache
from django.db import IntegrityError, transaction

from config.kit.attention import Problem, Source, sources
from config.kit.errors import Conflict, NotFound, Refusal
from config.models import SetAside
from config.redaction import redact_text
from history.domain.kinds import Kind
from history.services import record

MOST = 100
"""Problems of one source that are shown and counted; beyond them it says "and more"."""
FRESH_SECONDS = 15
BROKEN = "broken"
"""Key of the problem that a source itself could not be asked."""
LONGEST_TITLE = 200

log = structlog.get_logger(__name__)


class CannotBeSetAside(Conflict):
    code = "cannot_be_set_aside"
    title = "This ends when its cause does; it cannot be set aside."


class NothingToTry(Conflict):
    code = "nothing_to_try"
    title = "There is nothing to try again here; mend the cause."


@dataclass(frozen=True, slots=True)
class Found:
    """A source with its problems, `MOST` at most. `more`: there are others."""

    source: Source
    problems: tuple[Problem, ...]
    more: bool = False

    @property
    def number(self) -> str:
        return f"{len(self.problems)}{'+' if self.more else ''}"


@dataclass(frozen=True, slots=True)
class Retried:
    """What came of trying several again: sentences of those that went, and each refusal with its number."""

    done: tuple[str, ...]
    refused: dict[str, int]


# --- looking ------------------------------------------------------------------------------------------


def visible(user: Any) -> tuple[Source, ...]:
    """The sources that a member of staff may see."""
    return tuple(source for source in sources() if any(user.has_perm(name) for name in source.permissions))


def may_manage(user: Any, source: Source) -> bool:
    return bool(user.has_perm(source.manage) if source.manage else user.is_superuser)


def look(source: Source, *, at: datetime) -> Found:
    """Ask a source. One that breaks is a problem itself, never the end of the page."""
    try:
        aside = _set_aside(source)
        left = (problem for problem in source.find(at) if problem.key not in aside)
        problems = list(islice(left, MOST + 1))
    except Exception as error:  # noqa: BLE001 - whatever it is, the other sources are still to be shown
        log.warning("attention_source_failed", source=source.name, error=repr(error))
        return Found(source, (_broken(source, error),))
    return Found(source, tuple(problems[:MOST]), more=len(problems) > MOST)


def _broken(source: Source, error: Exception) -> Problem:
    words = redact_text(f"{type(error).__name__}: {error}")
    return Problem(
        key=BROKEN,
        title=f"{source.title}: nobody knows how it stands",
        cause=f"Looking for problems failed. {words}"[:500],
        urgent=True,
        retryable=False,
    )


def count(shown: Iterable[Source], *, at: datetime) -> tuple[int, bool]:
    """How many problems there are in these sources, and whether there are more than were counted.

    Each source is asked at most every `FRESH_SECONDS`, however many ask for the number.
    """
    numbers = [_number(source, at) for source in shown]
    return sum(number for number, _ in numbers), any(more for _, more in numbers)


def _number(source: Source, at: datetime) -> tuple[int, bool]:
    name = f"attention:{source.name}"
    known: tuple[int, bool] | None = _cached(name)
    if known is not None:
        return known
    found = look(source, at=at)
    number = (len(found.problems), found.more)
    _keep(name, number)
    return number


def _cached(name: str) -> Any:
    try:
        return cache.get(name)
    except Exception as error:  # noqa: BLE001 - without a cache it is counted each time
        log.warning("attention_cache_failed", error=repr(error))
        return None


def _keep(name: str, number: tuple[int, bool]) -> None:
    try:
        cache.set(name, number, timeout=FRESH_SECONDS)
    except Exception as error:  # noqa: BLE001 - as above
        log.warning("attention_cache_failed", error=repr(error))


def _forget(source: Source) -> None:
    try:
        cache.delete(f"attention:{source.name}")
    except Exception as error:  # noqa: BLE001 - as above
        log.warning("attention_cache_failed", error=repr(error))


def source_of(name: str, user: Any) -> Source:
    """Raises NotFound, also for a source that the user may not see."""
    found = next((source for source in visible(user) if source.name == name), None)
    if found is None:
        raise NotFound
    return found


# --- doing something about it -------------------------------------------------------------------------


def problem_retry(*, source: Source, key: str, actor: str, at: datetime) -> str:
    """Try one problem again; return what the source says. Raises NothingToTry and what the source refuses."""
    if source.retry is None:
        raise NothingToTry
    try:
        return source.retry(key, actor=actor, at=at)
    finally:
        _forget(source)


def problems_retry(*, source: Source, actor: str, at: datetime) -> Retried:
    """Try everything again that a source shows now; a refusal of one holds no other up."""
    done: list[str] = []
    refused: dict[str, int] = {}
    for problem in look(source, at=at).problems:
        if not problem.retryable:
            continue
        try:
            done.append(problem_retry(source=source, key=problem.key, actor=actor, at=at))
        except Refusal as refusal:
            refused[refusal.detail] = refused.get(refusal.detail, 0) + 1
    return Retried(tuple(done), refused)


def problem_set_aside(*, source: Source, key: str, actor: str, at: datetime) -> SetAside:
    """Show a problem no more: somebody has seen it and leaves it as it is. Safe to repeat.

    Raises CannotBeSetAside, NotFound when the problem is not there any more.
    """
    if source.lasting or key == BROKEN:
        raise CannotBeSetAside
    problem = next((found for found in look(source, at=at).problems if found.key == key), None)
    if problem is None:
        raise NotFound("This is not there any more; somebody else was faster.")
    try:
        with transaction.atomic():
            row = SetAside.objects.create(
                source=source.name, key=key, title=problem.title[:LONGEST_TITLE], set_by=actor, set_at=at
            )
            _record(Kind.ATTENTION_SET_ASIDE, row, actor, at)
    except IntegrityError:
        row = SetAside.objects.get(source=source.name, key=key)
    _forget(source)
    return row


def problem_bring_back(*, source: Source, key: str, actor: str, at: datetime) -> None:
    """Show a problem again, if it is still one. Safe to repeat."""
    with transaction.atomic():
        row = SetAside.objects.filter(source=source.name, key=key).first()
        if row is None or SetAside.objects.filter(pk=row.pk).delete()[0] == 0:
            return
        _record(Kind.ATTENTION_BROUGHT_BACK, row, actor, at)
    _forget(source)


def _set_aside(source: Source) -> frozenset[str]:
    if source.lasting:
        return frozenset()
    return frozenset(SetAside.objects.filter(source=source.name).values_list("key", flat=True))


def _record(kind: Kind, row: SetAside, actor: str, at: datetime) -> None:
    record(
        kind=kind,
        subject=f"problem:{row.source}/{row.key}",
        actor=actor,
        data={"source": row.source, "key": row.key},
        at=at,
    )
