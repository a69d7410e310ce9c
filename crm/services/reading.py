"""The reader `crm` of the history: known leads become people, what needs a person becomes a task (A16, A20, A24).

It goes on while the section is switched off: nothing that happens meanwhile is missing when it comes back. Events
hold ids only, so what they are about is read from its row; a row that is gone, erased or merged, is passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from uuid import UUID

from django.db.models import Exists, OuterRef

from accounts.models import Account
from accounts.selectors import account_find
from billing.models import Payment
from crm.domain.causes import (
    Draft,
    Happening,
    drafts_of,
    not_renewed,
    over_cap,
    renewed_again,
    settled_by,
)
from crm.domain.texts import traffic_text
from crm.domain.touches import Touch
from crm.domain.words import Origin, TaskKind
from crm.models import Person, Task
from crm.services.contacts import contact_follow, lead_know, looks_after, own_account
from crm.services.enriching import license_people_refresh, people_refresh
from crm.services.people import person_link, person_touch
from crm.services.tasks import task_ensure, tasks_settle
from crm.services.terms import in_warning, renews_itself, term_of
from history.domain.kinds import Kind
from history.models import Event
from licenses.figures import is_counted, is_sold
from licenses.models import License, NodeCapEpisode
from trials.domain.addresses import AddressError, read_address
from trials.domain.touches import read_touch
from trials.models import TrafficDay, Trial, TrialRequest

READER = "crm"
UNVERIFIED = str(TrialRequest.State.UNVERIFIED)


def follow(event: Event, *, at: datetime) -> None:
    """One event, in the transaction that moves the reader's cursor."""
    for step in _STEPS.get(event.kind, ()):
        step(event, at)


# --- leads --------------------------------------------------------------------------------------------


def _lead(event: Event, at: datetime) -> None:
    """Who asked for a trial; an address whose code was never given is nobody yet."""
    if event.data.get("state") == UNVERIFIED:
        return
    rows = TrialRequest.objects.select_related("account", "trial__license")
    row = rows.filter(uid=UUID(_id(event))).first()
    if row is not None:
        _known_by_request(row, event.at, at)


def _trial_lead(event: Event, at: datetime) -> None:
    request = event.data.get("request")
    rows = TrialRequest.objects.select_related("account", "trial__license")
    row = rows.filter(uid=UUID(str(request))).first() if request else None
    if row is not None:
        _known_by_request(row, event.at, at)


def _known_by_request(row: TrialRequest, happened_at: datetime, at: datetime) -> None:
    account = row.account
    person = lead_know(
        row.email, account, Origin.TRIAL, happened_at, at, given_at=row.created_at, name=row.name,
        company=row.company,
    )  # fmt: skip
    if person is None:
        return
    told = {"first": row.first_touch, "last": row.last_touch}
    touches = {
        f"trial_request:{row.uid}:{which}": _touch(touch, row.created_at) for which, touch in told.items()
    }
    person_touch(person=person, touches={key: touch for key, touch in touches.items() if touch}, at=at)
    if row.trial is not None:
        person_link(person=person, licenses=[row.trial.license], at=at)
        people_refresh(people=[person.pk], at=at)


def _touch(told: Mapping[str, object], else_at: datetime) -> Touch | None:
    """A touch as trials and orders keep it, whole; None where no campaign is named."""
    found = read_touch(told)
    if not found:
        return None
    try:
        at = datetime.fromisoformat(str(told.get("at")))
    except ValueError:
        at = else_at
    return Touch(found.source, found.medium, found.campaign, at if at.tzinfo else else_at)


def _buyer(event: Event, at: datetime) -> None:
    rows = Payment.objects.select_related("account", "checkout", "subscription")
    row = rows.filter(uid=UUID(_id(event))).first()
    if row is None:
        return
    began = row.checkout.created_at if row.checkout else None
    if row.subscription is not None:  # a renewal is of who ordered then
        began = row.subscription.started_at
    email = row.customer_email or (row.checkout.email if row.checkout else "")
    person = lead_know(
        email, row.account, Origin.PURCHASE, event.at, at, given_at=began,
        name=row.customer_name,
    )  # fmt: skip
    if person is None:
        return
    if row.checkout is not None:
        touch = _touch(row.checkout.utm, row.checkout.created_at)
        person_touch(person=person, touches={f"checkout:{row.checkout.uid}": touch} if touch else {}, at=at)
    bought = License.objects.filter(fulfilments__payment=row).distinct()
    if person_link(person=person, licenses=bought, at=at):
        people_refresh(people=[person.pk], at=at)


def people_follow(loser: Account, winner: Account, at: datetime) -> int:
    """In a merge of accounts: their people changed, and are told of as such."""
    return Person.objects.filter(account=loser).update(account=winner, changed_at=at)


def tasks_follow(loser: Account, winner: Account, at: datetime) -> int:
    """In a merge of accounts."""
    return Task.objects.filter(account=loser).update(account=winner, changed_at=at)


def _merged(event: Event, at: datetime) -> None:
    """An account that closed while this app was not installed, whose rows nobody moved."""
    loser, winner = str(event.data.get("from", "")), account_find(event.account)
    closed = Account.objects.filter(customer_id=loser).first() if loser else None
    if closed is not None and winner is not None:
        people_follow(closed, winner, at)
        tasks_follow(closed, winner, at)


def _deleted(_event: Event, at: datetime) -> None:
    """An account that was deleted while this app was not installed: its rows name what is no more."""
    there = Account.objects.filter(pk=OuterRef("account_id"))
    for rows in (Person.objects.all(), Task.objects.all()):
        rows.filter(~Exists(there), account_id__isnull=False).update(account=None, changed_at=at)


def _license_contact(event: Event, at: datetime) -> None:
    """Who an account names looks after its licenses; a trial is looked after by who asked for it."""
    row, account = _license(event), own_account(event)
    if row is not None and account is not None and is_sold(row):
        looks_after(account, [row], event, at)


# --- facts --------------------------------------------------------------------------------------------


def _refresh(event: Event, at: datetime) -> None:
    """Something about a license's deployments or its trial changed."""
    row = _license(event)
    if row is not None:
        license_people_refresh(license_id=row.pk, at=at)


def _license(event: Event) -> License | None:
    """The license that an event is about, or that its data names."""
    name = _id(event) if event.subject.startswith("license:") else str(event.data.get("license", ""))
    return License.objects.select_related("account__owner").by_public_id(name).first()


# --- tasks --------------------------------------------------------------------------------------------


def _settle(event: Event, at: datetime) -> None:
    for settled in settled_by(_happening(event)):
        tasks_settle(settled=settled, happened_at=event.at, at=at)


def _trial_task(event: Event, at: datetime) -> None:
    row = License.objects.select_related("account").filter(trials__uid=UUID(_id(event))).first()
    if row is None or is_counted(row):
        _make(event, at, account=_account(event), person=_trial_person(_id(event)))


def _posture_task(event: Event, at: datetime) -> None:
    """Of what is sold. What Stripe renews by itself needs nobody before it fails."""
    row = _license(event)
    if row is None or not is_sold(row):
        return
    drafts = drafts_of(_happening(event, term_of(row, event)))
    if any(draft.kind is TaskKind.RENEWAL_DUE for draft in drafts) and renews_itself(row, event):
        return
    _ensure(drafts, event, at, account=row.account, person=_license_person(row.pk))


def _cycle_task(event: Event, at: datetime) -> None:
    """A cycle that renews its license no more, in its warning time; or does again."""
    row = _cycle_license(event)
    if row is None or not is_sold(row):
        return
    happening = _happening(event, term_of(row, event))
    for settled in renewed_again(happening, row.public_id):
        tasks_settle(settled=settled, happened_at=event.at, at=at)
    drafts = not_renewed(happening, row.public_id)
    if drafts and in_warning(row, event) and not renews_itself(row, event):
        _ensure(drafts, event, at, account=row.account, person=_license_person(row.pk))


def _cap_task(event: Event, at: datetime) -> None:
    """A16: each step up of each spell is one task. Of a license that counts: no test key, nothing internal."""
    account, row = _account(event), _license(event)
    if row is not None and not is_counted(row):
        return
    episodes = NodeCapEpisode.objects.filter(
        installation=event.data["installation"], started_at__lte=event.at
    )
    episode = episodes.order_by("-started_at", "-pk").values_list("pk", flat=True).first()
    person = _license_person(row.pk) if row else None
    _ensure([over_cap(_happening(event), episode)], event, at, account=account, person=person)


def _payment_task(event: Event, at: datetime) -> None:
    """Who looks after the license that is paid for is asked."""
    row = _cycle_license(event)
    if row is None:
        _make(event, at, account=_account(event))
    elif is_counted(row):
        _make(event, at, account=_account(event), person=_license_person(row.pk))


def _referred_task(event: Event, at: datetime) -> None:
    """B14, B15: once for each reference; most changes of evidence ask for none."""
    if event.data.get("task"):
        _make(event, at, account=_account(event), person=_trial_person(str(event.data["trial"])))


def _traffic_task(event: Event, at: datetime) -> None:
    """A24: what came of a day, in one task."""
    day = date.fromisoformat(_id(event))
    lines = TrafficDay.objects.filter(day=day).values_list("source", "medium", "campaign", "visits")
    for draft in drafts_of(_happening(event)):
        task_ensure(
            draft=draft, who=day.isoformat(), text=traffic_text(list(lines)), happened_at=event.at, at=at
        )


def _make(event: Event, at: datetime, *, account: Account | None, person: Person | None = None) -> None:
    _ensure(drafts_of(_happening(event)), event, at, account=account, person=person)


def _ensure(
    drafts: Iterable[Draft], event: Event, at: datetime, *, account: Account | None, person: Person | None
) -> None:
    for draft in drafts:
        task_ensure(
            draft=draft, who=_who(account), account=account, person=person, happened_at=event.at, at=at
        )


def _trial_person(uid: str) -> Person | None:
    """Who asked for a trial, where that is known."""
    email = Trial.objects.filter(uid=UUID(uid)).values_list("email", flat=True).first()
    try:
        address = read_address(email or "")
    except AddressError:
        return None
    return Person.objects.filter(emails__address=address.canonical).first()


def _cycle_license(event: Event) -> License | None:
    """The license that a cycle of payments renews, with who looks after its account."""
    rows = License.objects.select_related("account__owner")
    return rows.filter(subscriptions__stripe_id=_id(event)).first()


def _license_person(license_id: int) -> Person | None:
    """Who looks after a license, the first of them."""
    return Person.objects.filter(licenses__license=license_id).order_by("pk").first()


def _account(event: Event) -> Account | None:
    """The account that stands for the event's today, with who looks after it."""
    found = account_find(event.account) if event.account else None
    return Account.objects.select_related("owner").filter(pk=found.pk).first() if found else None


def _who(account: Account | None) -> str:
    return account.name if account else "Somebody"


def _happening(event: Event, term: str = "") -> Happening:
    return Happening.of(event.kind, event.subject, event.data, str(event.uid), term)


def _id(event: Event) -> str:
    return event.subject.partition(":")[2]


Step = Callable[[Event, datetime], None]
_STEPS: dict[str, tuple[Step, ...]] = {
    Kind.TRIAL_REQUESTED: (_lead,),
    Kind.TRIAL_APPROVED: (_lead,),
    Kind.TRIAL_STARTED: (_trial_lead, _refresh),
    Kind.TRIAL_ENGAGEMENT: (_refresh, _settle, _trial_task),
    Kind.TRIAL_ATTENTION: (_settle, _trial_task),
    Kind.TRIAL_ENDED: (_refresh, _settle, _trial_task),
    Kind.TRIAL_CONVERTED: (_refresh, _settle),
    Kind.ACCOUNT_CREATED: (contact_follow,),
    Kind.ACCOUNT_CHANGED: (contact_follow,),
    Kind.ACCOUNT_PROMOTED: (contact_follow,),
    Kind.ACCOUNT_MERGED: (_merged, contact_follow),
    Kind.ACCOUNT_DELETED: (_deleted,),
    Kind.LICENSE_CREATED: (_license_contact,),
    Kind.LICENSE_RENEWED: (_settle,),
    Kind.LICENSE_REVOKED: (_settle,),
    Kind.POSTURE_CHANGED: (_settle, _posture_task),
    Kind.INSTALLATION_SEEN_FIRST: (_refresh,),
    Kind.INSTALLATION_CHANGED: (_refresh,),
    Kind.NODE_CAP_EXCEEDED: (_refresh,),
    Kind.NODE_CAP_ESCALATED: (_refresh, _cap_task),
    Kind.NODE_CAP_CLEARED: (_refresh, _settle),
    Kind.PAYMENT_SETTLED: (_buyer, _settle),
    Kind.PAYMENT_FAILED: (_payment_task,),
    Kind.SUBSCRIPTION_CHANGED: (_cycle_task,),
    Kind.EVIDENCE_READY: (_settle,),
    Kind.EVIDENCE_OVERDUE: (_trial_task,),
    Kind.EVIDENCE_CHANGED: (_referred_task,),
    Kind.EVALUATOR_NOTIFIED: (_referred_task,),
    Kind.TRAFFIC_COUNTED: (_traffic_task,),
}
KINDS: tuple[Kind, ...] = tuple(kind for kind in Kind if kind in _STEPS)
