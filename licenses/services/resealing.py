"""Rotation of the key-encryption keys: what is sealed at rest is sealed again under the first of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.db import transaction

from config.kit.locks import locked
from config.kit.sealing import reseal, stores_reseal
from history.services.checkpoints import checkpoint_keys_reseal
from licenses.models import Issuance
from licenses.services.keys import keys_reseal

BATCH = 200


@dataclass(frozen=True, slots=True)
class Resealed:
    """How many of each were sealed again."""

    signing_keys: int
    checkpoint_keys: int
    artifacts: int
    others: dict[str, int] = field(default_factory=dict)
    """What other rooms keep sealed, by its name."""


def sealed_reseal() -> Resealed:
    """Seal signing keys, checkpoint keys, kept texts and what other rooms keep again under the first key.

    Run it with the new key first and the old ones behind it; afterwards the old ones may go. Safe to
    interrupt and to repeat. Raises SealingKeyMissing when something opens with none of the keys.
    """
    return Resealed(keys_reseal(), checkpoint_keys_reseal(), artifacts_reseal(), stores_reseal())


def artifacts_reseal() -> int:
    """Seal every kept text again, in small transactions; return how many."""
    return sum(_reseal_batch(batch) for batch in _batches())


def _batches() -> Iterator[list[int]]:
    last = 0
    while batch := list(
        Issuance.objects.filter(pk__gt=last, artifact__isnull=False)
        .order_by("pk")
        .values_list("pk", flat=True)[:BATCH]
    ):
        yield batch
        last = batch[-1]


def _reseal_batch(batch: list[int]) -> int:
    with transaction.atomic():
        rows = locked(Issuance.objects.filter(pk__in=batch, artifact__isnull=False)).order_by("pk")
        kept = list(rows.values_list("pk", "artifact"))
        for pk, artifact in kept:
            Issuance.objects.filter(pk=pk).update(artifact=reseal(bytes(artifact or b"")))
    return len(kept)
