"""Two accounts that are one customer become one (D5).

The account that closes stays as a row that names its winner: whatever still carries its slug or customer id, a
storefront's path or the `sub` of a token, finds the winner by it. Tokens that are out keep validating: online
validation finds the license by the hash of the text, and offline nothing changes. Keys that are signed from then
on carry the winner's customer id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db import IntegrityError, connection, transaction

from accounts.errors import AccountMerged, MergeClash
from accounts.models import Account
from accounts.owners import Owner, owned, owners, rule_of
from config.kit.errors import FieldError, Invalid, NotFound
from config.kit.locks import referable
from config.kit.validation import check_fields
from history.services import record

PARTICULARS = ("name", "kind", "email", "domain", "owner", "crm_ref", "notes")
RANK = {Account.Kind.PROSPECT: 0, Account.Kind.CUSTOMER: 1, Account.Kind.INTERNAL: 2}
MAX_NOTES = 10_000
# the same lock on each database; SQLite's one writer needs none
_SHARED = {"postgresql": " FOR SHARE", "mysql": " LOCK IN SHARE MODE"}


class Source(StrEnum):
    """Whose particular the winner has after the merge. Both: one after the other, for notes only."""

    WINNER = "winner"
    LOSER = "loser"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Preview:
    """What a merge would do."""

    moves: list[tuple[Owner, int]]
    stays: list[tuple[Owner, int, str]]
    keep: dict[str, Source]


def merge_preview(*, account: Account, into: Account) -> Preview:
    """Say what moves and what stays, and which particulars one would keep. Raises as `account_merge`."""
    _refuse(account, into)
    moves, stays = [], []
    for owner, number in owned(account):
        reason = rule_of(owner).stays
        if reason:
            stays.append((owner, number, reason))
        else:
            moves.append((owner, number))
    return Preview(moves, stays, keep_suggest(account, into))


def keep_suggest(account: Account, into: Account) -> dict[str, Source]:
    """The winner's particulars, filled up from the loser's; both notes; a customer stays a customer."""
    keep = dict.fromkeys(PARTICULARS, Source.WINNER)
    keep |= {name: Source.LOSER for name in PARTICULARS if getattr(account, name) and not getattr(into, name)}
    if account.notes and into.notes and account.notes != into.notes:
        keep["notes"] = Source.BOTH
    if RANK[Account.Kind(account.kind)] > RANK[Account.Kind(into.kind)]:
        keep["kind"] = Source.LOSER
    return keep


def account_merge(
    *, account: Account, into: Account, keep: Mapping[str, Source] | None = None, actor: str, at: datetime
) -> Account:
    """Close `account` into `into` and move everything it owns; return the winner.

    `keep` says for each particular whose value stays (default: `keep_suggest`). What was merged into `account`
    before is merged into the winner now. Repeating it moves what came in between and changes nothing else.
    Raises Invalid, AccountMerged (409) when either was merged elsewhere, MergeClash (409) when both own something
    of which an account has one, NotFound.
    """
    with transaction.atomic():
        loser, winner = _locked_pair(account, into)
        _refuse(loser, winner)
        again = loser.merged_into_id == winner.pk
        changed = [] if again else _keep(loser, winner, keep)
        moved = {owner.name: number for owner in owners() if (number := _move(owner, loser, winner, at))}
        Account.objects.filter(merged_into=loser).update(merged_into=winner)
        if not again:
            loser.merged_into, loser.merged_at = winner, at
            loser.save(update_fields=["merged_into", "merged_at"])
        if moved or not again:
            data: dict[str, Any] = {"moved": moved}
            _record(winner, {"from": loser.customer_id, **data, "fields": changed}, actor, at)
            _record(loser, {"into": winner.customer_id, **data}, actor, at)
    return winner


def strays_move(*, actor: str, at: datetime) -> int:
    """Move what was given to an account while it closed, by a hand that did not know; return how many accounts."""
    closed = {
        pk
        for owner in owners()
        if not rule_of(owner).stays
        for pk in owner.strays().values_list(f"{owner.field}_id", flat=True).distinct()
    }
    rows = Account.objects.select_related("merged_into").filter(pk__in=closed).order_by("pk")
    for row in rows:
        if row.merged_into is not None:
            account_merge(account=row, into=row.merged_into, actor=actor, at=at)
    return len(closed)


def account_hold(account: Account) -> None:
    """Keep an account from closing until the transaction ends: what is given to it now stays with it.

    Holders do not wait for each other. Raises AccountMerged (409) when it is closed already.
    """
    accounts_hold([account])


def accounts_hold(accounts: Iterable[Account]) -> None:
    """As `account_hold`, for many at once. Raises AccountMerged (409) for the first that is closed."""
    keys = sorted({account.pk for account in accounts})
    if not keys:
        return
    # one statement that locks and tells: another might show the accounts as they were before the wait
    table, marks = Account._meta.db_table, ", ".join(["%s"] * len(keys))
    sql = f"SELECT id, merged_into_id FROM {table} WHERE id IN ({marks}) ORDER BY id"  # noqa: S608 - our own names
    with connection.cursor() as cursor:
        cursor.execute(sql + _SHARED.get(connection.vendor, ""), keys)
        closed = [pk for pk, winner in cursor.fetchall() if winner is not None]
    if closed:
        raise merged(Account.objects.select_related("merged_into").get(pk=closed[0]))


def merged(account: Account) -> AccountMerged:
    """The refusal that names where a closed account went."""
    winner = account.merged_into
    if winner is None:
        return AccountMerged()
    detail = f"{account.name} was merged into {winner.name} ({winner.slug}). Use that account."
    return AccountMerged(detail, merged_into=winner.slug)


def _locked_pair(account: Account, into: Account) -> tuple[Account, Account]:
    """Both rows, locked in the order of their keys, with what was merged into the loser: no two merges cross."""
    wanted = Account.objects.filter(pk__in=[account.pk, into.pk])
    of_loser = Account.objects.filter(merged_into=account.pk)
    rows = {row.pk: row for row in referable(wanted | of_loser).order_by("pk")}
    if account.pk not in rows or into.pk not in rows:
        raise NotFound
    return rows[account.pk], rows[into.pk]


def _refuse(loser: Account, winner: Account) -> None:
    if loser.pk == winner.pk:
        raise Invalid([FieldError("into", "same_account", "An account cannot be merged into itself.")])
    if winner.merged_into_id is not None:
        raise merged(winner)
    if loser.merged_into_id not in (None, winner.pk):
        raise merged(loser)


def _keep(loser: Account, winner: Account, keep: Mapping[str, Source] | None) -> list[str]:
    """Write the particulars that the winner takes over; return their names."""
    sources = {**keep_suggest(loser, winner), **_checked(keep or {})}
    changed = []
    for name, source in sources.items():
        value = _value(loser, winner, name, source)
        if value != getattr(winner, name):
            setattr(winner, name, value)
            changed.append(name)
    check_fields(winner, changed)
    if changed:
        winner.save(update_fields=changed)
    return sorted(changed)


def _checked(keep: Mapping[str, Source]) -> dict[str, Source]:
    errors = [
        FieldError(f"keep.{name}", "unknown_field", f"{name} is no particular of an account.")
        for name in sorted(set(keep) - set(PARTICULARS))
    ]
    errors += [
        FieldError(f"keep.{name}", "not_joinable", f"Only notes are kept of both, {name} is not.")
        for name, source in sorted(keep.items())
        if source == Source.BOTH and name != "notes"
    ]
    if errors:
        raise Invalid(errors)
    return {name: Source(source) for name, source in keep.items()}


def _value(loser: Account, winner: Account, name: str, source: Source) -> Any:
    if source == Source.BOTH:
        joined = "\n\n".join(text for text in (winner.notes, loser.notes) if text)
        if len(joined) > MAX_NOTES:
            detail = f"Both notes together are longer than {MAX_NOTES:,} characters: keep one of them."
            raise Invalid([FieldError("keep.notes", "too_long", detail)])
        return joined
    return getattr(loser if source == Source.LOSER else winner, name)


def _move(owner: Owner, loser: Account, winner: Account, at: datetime) -> int:
    rule = rule_of(owner)
    if rule.stays:
        return 0
    try:
        with transaction.atomic():
            if rule.mover is not None:
                return rule.mover(loser, winner, at)
            return owner.rows(loser.pk).update(**{owner.field: winner})
    except IntegrityError as error:
        things = owner.model._meta.verbose_name_plural
        raise MergeClash(
            f"Both accounts have {things} of which one account has only one. Settle those first."
        ) from error


def _record(account: Account, data: dict[str, Any], actor: str, at: datetime) -> None:
    record(
        kind="account.merged",
        subject=f"account:{account.customer_id}",
        account=account.customer_id,
        actor=actor,
        data=data,
        at=at,
    )
