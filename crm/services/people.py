"""People: known by address, written down, changed, joined.

What the reader of history makes is a projection of it and tells history nothing new; what people do is an event.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from accounts.models import Account
from config.kit.errors import FieldError, Invalid, NotFound
from config.kit.locks import locked, referable
from config.kit.validation import check_fields
from crm.domain.touches import Attribution, Touch, attributed, joined
from crm.domain.words import Consent, Origin
from crm.errors import AddressTaken, LastAddress, PersonMerged
from crm.models import FormerAddress, Person, PersonEmail, PersonLicense, PersonNote, Task, Touchpoint
from crm.services.enriching import people_refresh
from crm.services.forgetting import addresses_forget, former_address
from history.domain.kinds import Kind
from history.models import Event
from history.services import record
from licenses.models import License
from trials.domain.addresses import Address, AddressError, read_address

PARTICULARS = ("name", "company", "job_title", "phone", "account", "owner", "consent")
FILLED = ("name", "company", "job_title", "phone", "account", "owner", "email")
"""What a merge takes from the loser where the winner has nothing."""
_TOUCH = ("source", "medium", "campaign")


# --- known by what happened ---------------------------------------------------------------------------


def person_find(address: Address) -> Person | None:
    """Whose address this is today."""
    row = PersonEmail.objects.select_related("person").filter(address=address.canonical).first()
    return row.person if row else None


def person_know(
    *,
    address: Address,
    name: str = "",
    company: str = "",
    account: Account | None,
    origin: Origin,
    given_at: datetime | None = None,
    happened_at: datetime,
    at: datetime,
) -> Person | None:
    """The person of an address, made if need be; blanks are filled, nothing that is known is overwritten, nor filled
    what somebody emptied since it happened. None: whoever had the address then is erased; `given_at` is when it was
    given, where that was earlier.

    Known since it happened, so that reading history again gives the same person.
    """
    former = former_address(address.canonical, given_at or happened_at)
    if former is not None and former.person is None:
        return None
    given = {"name": name[:150], "company": company[:200], "account": account, "email": address.typed}
    person = former.person if former else person_find(address)
    if person is None:
        person = _known(address, {**given, "origin": origin, "created_at": happened_at}, at)
    changed = [field for field, value in given.items() if value and not getattr(person, field)]
    if changed:
        decided = _decided_since(person, happened_at)
        changed = [field for field in changed if field not in decided]
    for field in changed:
        setattr(person, field, given[field])
    if person.origin == Origin.ACCOUNT and origin != person.origin:
        # an account that a lead or an order opens names its contact a moment before
        person.origin = origin
        changed.append("origin")
    _save(person, changed, at)
    return person


def _decided_since(person: Person, since: datetime) -> set[str]:
    """What people wrote after that, empty or not: of two decisions the later holds, whenever history is read."""
    told = Event.objects.filter(kind=Kind.PERSON_CHANGED, subject=f"person:{person.uid}", at__gt=since)
    return {field for data in told.values_list("data", flat=True) for field in data.get("fields", ())}


def _known(address: Address, given: Mapping[str, Any], at: datetime) -> Person:
    try:
        with transaction.atomic():
            person = Person.objects.create(**given, changed_at=at)
            PersonEmail.objects.create(
                person=person, address=address.canonical, email=address.typed, created_at=at
            )
    except IntegrityError:  # somebody else wrote the address down this moment
        return PersonEmail.objects.select_related("person").get(address=address.canonical).person
    return person


def person_link(*, person: Person, licenses: Iterable[License], at: datetime) -> int:
    """Say that a person looks after licenses; return how many are new."""
    known = set(person.licenses.values_list("license_id", flat=True))
    fresh = [
        PersonLicense(person=person, license=row, created_at=at) for row in licenses if row.pk not in known
    ]
    PersonLicense.objects.bulk_create(fresh, ignore_conflicts=True)
    return len(fresh)


def person_touch(*, person: Person, touches: Mapping[str, Touch], at: datetime) -> int:
    """Keep entries from campaigns, each under the key of what told it, once; return how many are new (A23)."""
    known = set(Touchpoint.objects.filter(key__in=touches).values_list("key", flat=True))
    fresh = {key: touch for key, touch in touches.items() if key not in known}
    if not fresh:
        return 0
    Touchpoint.objects.bulk_create(
        Touchpoint(
            person=person, key=key, source=touch.source, medium=touch.medium, campaign=touch.campaign,
            at=touch.at,
        )
        for key, touch in fresh.items()
    )  # fmt: skip
    _save(person, _attribute(person, attributed(attribution_of(person), fresh.values())), at)
    return len(fresh)


def attribution_of(person: Person) -> Attribution:
    """Where a person first came from, and last."""
    return Attribution(_touch(person, "first"), _touch(person, "last"))


def _touch(person: Person, which: str) -> Touch | None:
    at = getattr(person, f"{which}_touch_at")
    if at is None:
        return None
    source, medium, campaign = (getattr(person, f"{which}_{part}") for part in _TOUCH)
    return Touch(source, medium, campaign, at)


def _attribute(person: Person, found: Attribution) -> list[str]:
    """Set the columns of both touches; return the names of those that changed."""
    changed = []
    for which, touch in (("first", found.first), ("last", found.last)):
        if touch is None:
            continue
        given = {f"{which}_{part}": getattr(touch, part) for part in _TOUCH} | {f"{which}_touch_at": touch.at}
        for field, value in given.items():
            if getattr(person, field) != value:
                setattr(person, field, value)
                changed.append(field)
    return changed


def _save(person: Person, changed: list[str], at: datetime) -> None:
    """Nothing changed: nothing is written."""
    if changed:
        person.changed_at = at
        person.save(update_fields=[*dict.fromkeys(changed), "changed_at"])


# --- written by people --------------------------------------------------------------------------------


def person_create(
    *, email: str = "", origin: Origin = Origin.STAFF, actor: str, at: datetime, **given: Any
) -> Person:
    """Write down somebody. `given` are PARTICULARS. Raises Invalid, AddressTaken (409)."""
    address = _address(email) if email.strip() else None
    person = Person(
        email=address.typed if address else "", origin=origin, created_at=at, changed_at=at, **_clean(given)
    )
    if person.consent != Consent.UNKNOWN:
        person.consent_at = at
    _check(person)
    with transaction.atomic():
        person.save(force_insert=True)
        if address is not None:
            _add_address(person, address, at)
        _record(Kind.PERSON_CREATED, person, {"origin": str(origin)}, actor, at)
    return person


def person_update(*, person: Person, changes: Mapping[str, Any], actor: str, at: datetime) -> Person:
    """Change PARTICULARS, or `email`, the address to write to: a new one is kept beside the others.

    What is the same changes nothing. Raises Invalid, AddressTaken, LastAddress, PersonMerged (409).
    """
    values = _clean(changes)
    with transaction.atomic():
        row = _locked(person)
        changed = [name for name, value in values.items() if name != "email" and getattr(row, name) != value]
        for name in changed:
            setattr(row, name, values[name])
        if "consent" in changed:
            row.consent_at = at
            changed.append("consent_at")
        if "email" in values and values["email"].strip() != row.email:
            _write_to(row, values["email"], at)
            changed.append("email")
        _check(row)
        if changed:
            _save(row, changed, at)
            _record(Kind.PERSON_CHANGED, row, {"fields": sorted(changed)}, actor, at)
    return row


def _write_to(row: Person, email: str, at: datetime) -> None:
    """An empty address forgets all of them: the person is called by name then."""
    if not email.strip():
        if not row.name:
            raise LastAddress
        addresses_forget(emails=row.emails.all(), person=row, at=at)
        row.email = ""
        return
    address = _address(email)
    _add_address(row, address, at)
    row.email = address.typed


def _add_address(person: Person, address: Address, at: datetime) -> None:
    try:
        with transaction.atomic():
            row, _ = PersonEmail.objects.get_or_create(
                person=person, address=address.canonical,
                defaults={"email": address.typed, "created_at": at},
            )  # fmt: skip
    except IntegrityError as error:
        raise AddressTaken from error
    if row.email != address.typed:
        row.email = address.typed
        row.save(update_fields=["email"])


def person_merge(*, person: Person, into: Person, actor: str, at: datetime) -> Person:
    """Join two people who are one: everything of `person` goes to `into`, which is filled up; return that.

    Consent that was withdrawn by either stays withdrawn. Raises Invalid, PersonMerged (409).
    """
    if person.pk == into.pk:
        raise Invalid([FieldError("into", "same_person", "A person cannot be merged into itself.")])
    with transaction.atomic():
        rows = {
            row.pk: row for row in locked(Person.objects.filter(pk__in=[person.pk, into.pk])).order_by("pk")
        }
        if len(rows) != 2:  # noqa: PLR2004 - the two of them
            raise NotFound
        loser, winner = rows[person.pk], rows[into.pk]
        if loser.merged_into_id == winner.pk:
            return winner
        if loser.merged_into_id or winner.merged_into_id:
            raise PersonMerged
        changed = [name for name in FILLED if getattr(loser, name) and not getattr(winner, name)]
        for name in changed:
            setattr(winner, name, getattr(loser, name))
        changed += _join_consent(winner, loser)
        changed += _attribute(winner, joined(attribution_of(winner), attribution_of(loser)))
        moved = _move(loser, winner, at)
        winner.changed_at = at
        winner.save()
        loser.merged_into, loser.merged_at, loser.changed_at = winner, at, at
        loser.save(update_fields=["merged_into", "merged_at", "changed_at"])
        _record(Kind.PERSON_MERGED, winner, {"from": str(loser.uid), "moved": moved}, actor, at)
        _record(Kind.PERSON_MERGED, loser, {"into": str(winner.uid), "moved": moved}, actor, at)
        people_refresh(people=[winner.pk], at=at)
    winner.refresh_from_db()
    return winner


def _join_consent(winner: Person, loser: Person) -> list[str]:
    """Withdrawn weighs most, then given."""
    weight = [Consent.UNKNOWN, Consent.GIVEN, Consent.WITHDRAWN]
    if weight.index(Consent(loser.consent)) <= weight.index(Consent(winner.consent)):
        return []
    winner.consent, winner.consent_at = loser.consent, loser.consent_at
    return ["consent", "consent_at"]


def _move(loser: Person, winner: Person, at: datetime) -> dict[str, int]:
    """Everything a person owns; licenses that both look after stay once."""
    PersonLicense.objects.filter(person=loser, license__in=winner.licenses.values("license")).delete()
    Person.objects.filter(merged_into=loser).update(merged_into=winner)
    moved = {
        model._meta.model_name or "": model._base_manager.filter(person=loser).update(person=winner)
        for model in (PersonEmail, FormerAddress, PersonLicense, PersonNote, Touchpoint)
    }
    moved["task"] = Task.objects.filter(person=loser).update(person=winner, changed_at=at)
    return {name: number for name, number in moved.items() if number}


# --- small parts --------------------------------------------------------------------------------------


def _clean(given: Mapping[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(given) - {*PARTICULARS, "email"})
    if unknown:
        raise Invalid([FieldError(name, "unknown_field", f"A person has no {name}.") for name in unknown])
    return {name: value.strip() if isinstance(value, str) else value for name, value in given.items()}


def _check(row: Person) -> None:
    """Raises Invalid."""
    check_fields(row, (*PARTICULARS, "email"))
    if not row.name and not row.email:
        raise Invalid([FieldError("name", "required", "Give a name or an address.")])
    if row.account is not None and row.account.merged_into_id is not None:
        raise Invalid([FieldError("account", "account_merged", "This account is closed. Use the other one.")])


def _address(email: str) -> Address:
    try:
        return read_address(email)
    except AddressError as error:
        raise Invalid([FieldError("email", "invalid", str(error))]) from error


def _locked(person: Person) -> Person:
    row = referable(Person.objects.select_related("account", "owner").filter(pk=person.pk)).first()
    if row is None:
        raise NotFound
    if row.merged_into_id is not None:
        raise PersonMerged
    return row


def _record(kind: Kind, row: Person, data: dict[str, Any], actor: str, at: datetime) -> None:
    record(
        kind=kind,
        subject=f"person:{row.uid}",
        account=row.account.customer_id if row.account else "",
        actor=actor,
        data=data,
        at=at,
    )
