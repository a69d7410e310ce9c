"""What stages are made of: members, gates, and what a gate asks of the chain before it."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from trials.domain.evidence.gates import Field, FieldKind, Gate, PackageFacts, Stage, approved, evaluate
from trials.domain.evidence.words import GOES_ON, ExpiryOutcome, StageName, State, Target

STAGES: dict[StageName, Stage] = {}
"""Every stage by its name, in the order of the chain. Filled where the stages are listed."""


def reference(name: str, hint: str = "") -> Field:
    return Field(name, FieldKind.REFERENCE, hint=hint)


def choice(name: str, words: type[StrEnum], hint: str = "") -> Field:
    return Field(name, FieldKind.CHOICE, words, hint)


def instant(name: str, hint: str = "") -> Field:
    return Field(name, FieldKind.INSTANT, hint=hint)


def needs(name: str, what: str, when: Callable[[PackageFacts], bool] | None = None) -> Gate:
    """A member that must be there; with `when`, only then."""
    return Gate(
        f"{name}_missing",
        f"{what} is missing.",
        f"Fill in: {what[:1].lower()}{what[1:]}.",
        lambda p: (when is None or when(p)) and not p.values.get(name),
    )


def one_of(name: str, words: type[StrEnum], what: str, code: str) -> Gate:
    known = {word.value for word in words}
    return Gate(
        code, f"{what} is none of {', '.join(sorted(known))}.", f"Choose {what[:1].lower()}{what[1:]}.",
        lambda p: p.text(name) not in known,
    )  # fmt: skip


def must_be(name: str, wanted: str, code: str, what: str) -> Gate:
    return Gate(
        code,
        f"{what} is not {wanted}.",
        f"Have it {wanted}, then say so here.",
        lambda p: p.text(name) != wanted,
    )


def after(before: str, code: str, *, mismatch: str) -> tuple[Gate, Gate, Gate]:
    """What every stage but the first asks of the one before: ready, approved, and the same as was approved."""
    return (
        Gate(
            f"{code}_evidence_not_ready", f"The {before} evidence is not ready.",
            f"Clear the blockers of the {before} stage.",
            lambda p: p.predecessor is None or evaluate(p.predecessor, STAGES).state != State.READY, "predecessor",
        ),
        Gate(
            f"{code}_approval_not_approved", f"The {before} evidence is not approved.",
            f"Somebody other than its author approves the {before} package.",
            lambda p: p.predecessor is None
            or p.predecessor.approval is None
            or not p.predecessor.approval.approved, "approval",
        ),
        Gate(
            mismatch, f"What was approved of the {before} stage is not the package in use.",
            f"Once the present {before} package is approved, save this one again: it is then built on that.",
            lambda p: not _matches(p),
        ),
    )  # fmt: skip


def _matches(package: PackageFacts) -> bool:
    before = package.predecessor
    return before is not None and approved(before) and package.predecessor_digest == before.digest


def outcome(package: PackageFacts) -> str:
    """How access ended, as the expiry package behind this one says; its own when it is one."""
    expiry = package if package.stage == StageName.EXPIRY else package.before(StageName.EXPIRY)
    return expiry.text("outcome") if expiry is not None else ""


def ends(package: PackageFacts) -> bool:
    return outcome(package) == ExpiryOutcome.REVOKED


def goes_on(package: PackageFacts) -> bool:
    return outcome(package) in GOES_ON


def _target(package: PackageFacts) -> str:
    conversion = package.before(StageName.CONVERSION)
    return conversion.text("target") if conversion is not None else ""


def pilot(package: PackageFacts) -> bool:
    return _target(package) == Target.PAID_PILOT


def production(package: PackageFacts) -> bool:
    return _target(package) == Target.PRODUCTION
