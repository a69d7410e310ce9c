"""Rotation of the key-encryption keys: what mail is made of is sealed again under the first of them."""

from __future__ import annotations

from django.db import transaction

from config.kit.locks import locked
from config.kit.sealing import reseal
from notifications.models import Message

BATCH = 200


def messages_reseal() -> int:
    """Seal the parts of every message again, in small transactions; return how many. Safe to repeat.

    Raises SealingKeyMissing when something opens with none of the keys.
    """
    last = done = 0
    while keys := list(
        Message.objects.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH]
    ):
        done += _reseal(keys)
        last = keys[-1]
    return done


def _reseal(keys: list[int]) -> int:
    with transaction.atomic():
        rows = list(locked(Message.objects.filter(pk__in=keys)).order_by("pk").values_list("pk", "parts"))
        for pk, parts in rows:
            Message.objects.filter(pk=pk).update(parts=reseal(bytes(parts)))
    return len(rows)
