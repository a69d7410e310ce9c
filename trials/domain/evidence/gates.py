"""What a stage is made of, and how its gates are judged: every blocker at once, in a stable order (B13)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from trials.domain.evidence.words import (
    AccessCheck,
    CheckResult,
    DeliveryState,
    HandoffKind,
    StageName,
    State,
)

Value = str | datetime | None


class FieldKind(StrEnum):
    """What a member of a package holds."""

    REFERENCE = "reference"
    CHOICE = "choice"
    INSTANT = "instant"


@dataclass(frozen=True, slots=True)
class Field:
    """A member of a package. `words` is the closed list of a choice; `hint` says what to put there."""

    name: str
    kind: FieldKind = FieldKind.REFERENCE
    words: type[StrEnum] | None = None
    hint: str = ""

    @property
    def label(self) -> str:
        text = self.name.removesuffix("_ref").removesuffix("_at").replace("_", " ")
        return f"{text[:1].upper()}{text[1:]}"


@dataclass(frozen=True, slots=True)
class HandoffFacts:
    """A handoff as far as the gates care: opaque ids, empty when missing."""

    kind: HandoffKind
    owner_ref: str = ""
    next_action_ref: str = ""
    tracking_ref: str = ""


@dataclass(frozen=True, slots=True)
class ApprovalFacts:
    """The decision on one version of a package: for which digest, and whether it says yes."""

    digest: str
    approved: bool


@dataclass(frozen=True, slots=True)
class PackageFacts:
    """A package as its own gates and its successor's see it.

    `approval` is the newest decision on it, `handoffs`, `delivery` and `checks` are what the rows beside it say,
    `rows` the references by which rows of this trial are named: `grace:…` and `notification:…`.
    `predecessor` is the newest package of the stage before, `predecessor_digest` the one it was built on.
    """

    stage: StageName
    values: Mapping[str, Value] = field(default_factory=dict)
    digest: str = ""
    approval: ApprovalFacts | None = None
    predecessor: PackageFacts | None = None
    predecessor_digest: str = ""
    handoffs: tuple[HandoffFacts, ...] = ()
    delivery: DeliveryState | None = None
    checks: Mapping[AccessCheck, CheckResult] = field(default_factory=dict)
    rows: frozenset[str] = frozenset()

    def text(self, name: str) -> str:
        value = self.values.get(name)
        return value if isinstance(value, str) else ""

    def instant(self, name: str) -> datetime | None:
        value = self.values.get(name)
        return value if isinstance(value, datetime) else None

    def before(self, stage: StageName) -> PackageFacts | None:
        """The nearest package of that stage in the chain behind this one."""
        package = self.predecessor
        while package is not None and package.stage != stage:
            package = package.predecessor
        return package


@dataclass(frozen=True, slots=True)
class Gate:
    """One condition. `blocks` is true while it is not met; `code` is stable; `where` names the place to clear it.

    Places: package (its form), predecessor, approval (of the predecessor), conversion, handoffs, notification, grace,
    checks.
    """

    code: str
    says: str
    clears: str
    blocks: Callable[[PackageFacts], bool]
    where: str = "package"


@dataclass(frozen=True, slots=True)
class Blocker:
    """A gate that is not met: what is missing in plain words, what would clear it, and where."""

    code: str
    says: str
    clears: str
    where: str


@dataclass(frozen=True, slots=True)
class Stage:
    """One link of the chain (B2). `after` are the stages whose package it may be built on; none for the first."""

    name: StageName
    title: str
    purpose: str
    after: tuple[StageName, ...]
    fields: tuple[Field, ...]
    gates: tuple[Gate, ...]

    def field(self, name: str) -> Field:
        return next(field for field in self.fields if field.name == name)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What all gates say together."""

    state: State
    blockers: tuple[Blocker, ...]

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(blocker.code for blocker in self.blockers)


def evaluate(package: PackageFacts, stages: Mapping[StageName, Stage]) -> Evaluation:
    """Judge every gate of the package's stage (B13). Pure: the same facts give the same blockers in the same order."""
    stage = stages[package.stage]
    blockers = tuple(
        Blocker(gate.code, gate.says, gate.clears, gate.where) for gate in stage.gates if gate.blocks(package)
    )
    return Evaluation(State.BLOCKED if blockers else State.READY, blockers)


def approved(package: PackageFacts) -> bool:
    """Whether the newest decision says yes to the very version that is in use (B8, B19)."""
    return (
        package.approval is not None
        and package.approval.approved
        and package.approval.digest == package.digest
    )
