"""`Idempotency-Key` of operations that have to ask Stripe: what is repeated is the row that they begin.

`accounts.api.idempotency` keeps an answer in the transaction that makes it, and may therefore not call another
machine. Here that transaction begins the row and keeps its uid under the key; whoever comes with the key again
finds the row, and asks Stripe again under the row's own idempotency key, which gives the same session.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.idempotency import KEY
from accounts.errors import IdempotencyKeyMalformed
from accounts.services import idempotency
from accounts.services.idempotency import Claim
from config.kit.api.views import Operation

ACCEPTED = 202


@dataclass(frozen=True, slots=True)
class Begun:
    """The uid of the row that a call began, `again` when an earlier call with its key did."""

    uid: uuid.UUID
    again: bool = False
    claim: Claim | None = None

    def forget(self) -> None:
        """Free the key: the call came to nothing, and a corrected one may use it (as for any refusal)."""
        if self.claim is not None:
            idempotency.answer_forget(self.claim)

    def mark(self, response: Response) -> Response:
        if self.again:
            response.headers["Idempotency-Replayed"] = "true"
        return response


def begun_once(view: Operation, request: Request, begin: Callable[[], uuid.UUID]) -> Begun:
    """Begin a row, once for a key of the caller's. `begin` refuses, or returns the uid of what it wrote.

    Raises IdempotencyKeyMalformed (400), IdempotencyKeyReused (422) for another body, IdempotencyOtherGroups (403)
    for who sees less by now, IdempotencyInProgress (409) while another call begins.
    """
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return Begun(begin())
    if not KEY.fullmatch(key):
        raise IdempotencyKeyMalformed
    claim = idempotency.claim(
        client=view.principal.client, key=key, method=str(request.method), path=request.get_full_path(),
        body=request.data, sight=view.principal.sight,
    )  # fmt: skip
    with idempotency.held(claim):
        kept = idempotency.answer_find(claim, at=view.at)
        if kept is not None:
            return Begun(uuid.UUID(kept.body.decode()), again=True, claim=claim)
        uid = begin()
        idempotency.answer_keep(claim, status=ACCEPTED, headers={}, body=str(uid).encode(), at=view.at)
    return Begun(uid, claim=claim)
