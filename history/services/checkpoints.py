"""Signing what the tree has become, so that the outside can hold us to it."""

from __future__ import annotations

from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import transaction

from config.kit.errors import Refusal
from config.kit.sealing import reseal, seal, unseal
from history.domain.kinds import Kind
from history.domain.merkle import MissingNodesError, verify_consistency
from history.domain.notes import TreeState, sign
from history.models import Checkpoint, CheckpointKey
from history.services.proving import consistency_path_hashes
from history.services.recording import record
from history.services.sequencing import head_frontier, lock_head


class HistoryInconsistent(Refusal):
    """The tree is not a continuation of what was signed before; signing it would vouch for a forgery."""

    code = "history_inconsistent"
    status = 500
    title = "The history does not continue its last checkpoint: run `history verify`."


@transaction.atomic
def checkpoint(*, at: datetime) -> Checkpoint | None:
    """Sign the present tree; None when it has not grown since the last checkpoint.

    Raises HistoryInconsistent when the tree does not continue the last checkpoint (C2SP forbids a log to
    sign that), and SealingKeyMissing when the private key cannot be opened.
    """
    head = lock_head()
    last = Checkpoint.objects.order_by("-size").first()
    if head.size == (last.size if last else 0):
        return None
    try:
        root = head_frontier(head).root()
    except ValueError as error:
        raise HistoryInconsistent from error
    if last is not None:
        _demand_continuation(last, head.size, root)
    key = checkpoint_key_ensure(actor="system:history.checkpoint", at=at)
    private = Ed25519PrivateKey.from_private_bytes(unseal(bytes(key.private_key)))
    note = sign(TreeState(key.name, head.size, root), name=key.name, private=private)
    return Checkpoint.objects.create(size=head.size, root=root, note=note, key=key, at=at)


@transaction.atomic
def checkpoint_key_ensure(*, actor: str, at: datetime) -> CheckpointKey:
    """Return the key that signs for HISTORY_ORIGIN; make, seal and record one when there is none."""
    lock_head()  # two callers must not make two keys
    key = CheckpointKey.objects.filter(name=settings.HISTORY_ORIGIN).order_by("-id").first()
    return key or checkpoint_key_create(actor=actor, at=at)


@transaction.atomic
def checkpoint_key_create(*, actor: str, at: datetime) -> CheckpointKey:
    """Make a new key for HISTORY_ORIGIN, which signs from now on. Earlier keys go on verifying."""
    private = Ed25519PrivateKey.generate()
    key = CheckpointKey.objects.create(
        name=settings.HISTORY_ORIGIN,
        public_key=private.public_key().public_bytes_raw(),
        private_key=seal(private.private_bytes_raw()),
        created_at=at,
    )
    record(
        kind=Kind.CHECKPOINT_KEY_CREATED,
        subject=f"checkpoint-key:{key.verifier_key.id.hex()}",
        actor=actor,
        data={"public_key": bytes(key.public_key).hex()},
        at=at,
    )
    return key


@transaction.atomic
def checkpoint_keys_reseal() -> int:
    """Seal every private key again under the first key-encryption key; return how many."""
    keys = list(CheckpointKey.objects.select_for_update())
    for key in keys:
        key.private_key = reseal(bytes(key.private_key))
        key.save(update_fields=["private_key"])
    return len(keys)


def _demand_continuation(last: Checkpoint, size: int, root: bytes) -> None:
    try:
        proof = consistency_path_hashes(last.size, size)
    except (MissingNodesError, ValueError) as error:
        raise HistoryInconsistent from error
    if not verify_consistency(size1=last.size, size2=size, root1=bytes(last.root), root2=root, proof=proof):
        raise HistoryInconsistent
