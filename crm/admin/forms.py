"""The forms of people and tasks. A service decides; what it refuses stands at its field."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.html import format_html
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.models import Account, User
from accounts.naming import account_called
from config.kit.errors import FieldError, Invalid
from config.kit.forms import LinesField, ServiceForm, count, note, select, switch, text
from crm.domain.words import Consent
from crm.models import Person, PersonEmail, Task, TaskRule
from licenses.models.catalogue import choices
from licenses.services.own_notes import LONGEST
from trials.domain.addresses import AddressError, read_address


def day_field(label: str, *, required: bool = False, help_text: str = "") -> forms.DateField:
    """A day, chosen with what the browser has for it."""
    return forms.DateField(
        label=label, required=required, help_text=help_text,
        widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}),
    )  # fmt: skip


def owner_field(label: str, help_text: str = "") -> Any:
    return forms.ModelChoiceField(
        User.objects.none(), label=label, required=False, empty_label="Nobody",
        widget=UnfoldAdminSelectWidget(), help_text=help_text,
    )  # fmt: skip


def offer_owners(form: forms.Form, present: int | None) -> None:
    """Whoever can sign in, and who has it now."""
    field: Any = form.fields["owner"]
    field.queryset = User.objects.filter(Q(is_active=True) | Q(pk=present)).order_by("name", "email")


class PersonForm(ServiceForm):
    """Somebody new, or the particulars of somebody."""

    name = text("Name", max_length=150)
    email = text(
        "E-mail", max_length=254, help_text="Where to write to. Former addresses still find the person."
    )
    company = text("Company", max_length=200)
    job_title = text("Job title", max_length=120)
    phone = text("Phone", max_length=40)
    account = text("Account", max_length=200, help_text="Slug, customer id, e-mail or exact name.")
    owner = owner_field("Owner", "Who of us looks after this person.")
    consent = select("Consent", choices(Consent), help_text="To be written to about more than licenses.")

    def __init__(self, data: Any, *, person: Person | None = None) -> None:
        initial: dict[str, Any] = {"consent": Consent.UNKNOWN.value}
        if person is not None:
            initial = {name: getattr(person, name) for name in self.base_fields}
            initial["account"] = person.account.slug if person.account else ""
        super().__init__(data, initial=initial)
        offer_owners(self, person.owner_id if person else None)

    def changes(self) -> dict[str, Any]:
        """What was changed, the account found. Raises Invalid."""
        given = {name: self.cleaned_data[name] for name in self.changed_data}
        if "account" in given:
            given["account"] = named_account(given["account"])
        return given


def named_account(named: str) -> Account | None:
    return account_called(named.strip()) if named.strip() else None


def person_at(field: str, typed: str) -> Person:
    """Whose address was typed into a field, in any spelling. Raises Invalid."""
    try:
        address = read_address(typed)
    except AddressError as error:
        raise Invalid([FieldError(field, "invalid", str(error))]) from error
    found = PersonEmail.objects.select_related("person").filter(address=address.canonical).first()
    if found is None:
        raise Invalid([FieldError(field, "unknown_person", "Nobody here has this address.")])
    return found.person


class IntoForm(ServiceForm):
    """The person that stays, by address."""

    into = text("Address of the other person", max_length=254, required=True)

    def person(self) -> Person:
        """Raises Invalid."""
        return person_at("into", self.cleaned_data["into"])


class EraseForm(ServiceForm):
    """The name typed again, so that nobody is erased by a slip of the hand."""

    confirmation = text("To be sure", max_length=254, required=True)

    def __init__(self, *args: Any, called: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.called = called
        self.fields["confirmation"].help_text = format_html("Type {}.", called)  # it is written as it is
        self.fields["confirmation"].widget.attrs.update({"autocomplete": "off", "spellcheck": "false"})

    def clean_confirmation(self) -> str:
        typed: str = self.cleaned_data["confirmation"]
        if typed.split() != self.called.split():
            raise ValidationError(f"This is not {self.called}.", code="mismatch")
        return typed


class NoteForm(ServiceForm):
    WIDE = ("text",)

    text = note("Note", max_length=LONGEST, required=True, help_text="For staff.")


class TaskForm(ServiceForm):
    """A task's particulars."""

    WIDE = ("title", "text", "next_action")

    title = text("Title", max_length=200, required=True)
    owner = owner_field("Owner")
    due_on = day_field("Due")
    account = text("Account", max_length=200, help_text="Slug, customer id, e-mail or exact name.")
    person = text("Person", max_length=254, help_text="An address of theirs.")
    next_action = text("Next action", max_length=200)
    text = note("What is known", max_length=10_000)

    def __init__(self, data: Any, *, task: Task | None = None, initial: dict[str, Any] | None = None) -> None:
        given = initial or {}
        if task is not None:
            given = {name: getattr(task, name) for name in self.base_fields}
            given["account"] = task.account.slug if task.account else ""
            given["person"] = task.person.email or task.person.name if task.person else ""
        super().__init__(data, initial=given)
        present = given.get("owner")
        offer_owners(self, present.pk if isinstance(present, User) else present)

    def changes(self) -> dict[str, Any]:
        """What was changed, account and person found. Raises Invalid."""
        given = {name: self.cleaned_data[name] for name in self.changed_data}
        return given | self._found(given)

    def values(self) -> dict[str, Any]:
        """Of a new one all that was typed. Raises Invalid."""
        return {**self.cleaned_data, **self._found(self.cleaned_data)}

    def _found(self, given: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if "account" in given:
            found["account"] = named_account(given["account"])
        if "person" in given:
            found["person"] = person_at("person", given["person"]) if given["person"].strip() else None
        return found


class AssignForm(ServiceForm):
    owner = owner_field("Owner")

    def __init__(self, data: Any, *, task: Task) -> None:
        super().__init__(data, initial={"owner": task.owner_id})
        offer_owners(self, task.owner_id)


class SnoozeForm(ServiceForm):
    until = day_field("Until", required=True, help_text="On this day it is back.")


class RuleForm(ServiceForm):
    owner = owner_field("Owner", "Where the account has no owner, or there is no account.")
    due_days = count("Days until it is due", help_text="Counted from what happened.")
    active = switch("Make such tasks")

    def __init__(self, data: Any, *, rule: TaskRule) -> None:
        super().__init__(data, initial={name: getattr(rule, name) for name in self.base_fields})
        offer_owners(self, rule.owner_id)


class KeyForm(ServiceForm):
    """A license key for this Signet."""

    ALIASES = {"text": "key"}
    WIDE = ("key",)

    key = LinesField(
        label="License key", required=False, max_length=20_000,
        help_text="Leave it empty when the key in force carries the CRM.",
        widget=note("", max_length=1).widget,
    )  # fmt: skip
