"""A real SMTP server on a thread, told what to answer: the double of everybody's mail server."""

from __future__ import annotations

import asyncio
import socket
from email import message_from_bytes, policy
from typing import Any

from aiosmtpd.controller import Controller

OK = "250 OK"
DROP = "drop the line"
"""Take the text, then hang up without an answer."""
STALL = "say nothing"
"""Take the text, then never answer."""


class Mailbox(Controller):
    """Listens on a port of its own, which stays its own while it is stopped.

    `rcpt` and `data` are the next answers to RCPT and to the end of DATA; when they are used up it is OK.
    `received` are the mails whose text arrived, accepted or not; `sessions` counts connections.
    """

    def __init__(self) -> None:
        self.rcpt: list[str] = []
        self.data: list[str] = []
        self.received: list[Any] = []
        self.accepted: list[Any] = []
        self.sessions = 0
        self.recipients: list[list[str]] = []
        self._place = socket.socket()  # bound and never listening: keeps the port, answers nobody
        self._place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._place.bind(("127.0.0.1", 0))
        super().__init__(self, hostname="127.0.0.1", port=self._place.getsockname()[1], enable_SMTPUTF8=True)

    def start(self) -> None:
        if self.loop.is_closed():
            self.loop = asyncio.new_event_loop()
        super().start()

    def close(self) -> None:
        if self._thread is not None:
            self.stop()
        self._place.close()

    async def handle_EHLO(self, server: Any, session: Any, envelope: Any, hostname: str, responses: Any):
        self.sessions += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        answer = self.rcpt.pop(0) if self.rcpt else OK
        if answer == OK:
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        answer = self.data.pop(0) if self.data else OK
        mail = message_from_bytes(envelope.content, policy=policy.default)
        self.received.append(mail)
        self.recipients.append(list(envelope.rcpt_tos))
        if answer == DROP:
            server.transport.abort()
            raise ConnectionResetError
        if answer == STALL:
            await asyncio.sleep(3600)
        if answer == OK:
            self.accepted.append(mail)
        return answer
