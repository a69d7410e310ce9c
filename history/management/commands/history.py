"""`manage.py history …`: what operators and auditors do with the history."""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from config.kit.actors import command_line
from config.kit.clock import now
from config.kit.errors import Refusal
from history.domain.notes import BadNoteError, VerifierKey
from history.models import Checkpoint, CheckpointKey, ParkedEvent
from history.services import checkpoints, exporting, feed, proving, sequencing, verifying

LARGEST_NUMBER = 2**63 - 1


class Command(BaseCommand):
    help = "Verifies, proves, exports, signs and repairs the history."

    def add_arguments(self, parser: ArgumentParser) -> None:
        commands = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

        verify = commands.add_parser(
            "verify", help="check everything; exit code 1 and the first bad position"
        )
        verify.add_argument(
            "--checkpoint", action="append", default=[], metavar="FILE", help="a checkpoint kept elsewhere"
        )
        verify.add_argument(
            "--key", action="append", default=[], metavar="KEY", help="verifier key to trust for such files"
        )
        verify.add_argument("--json", action="store_true", help="one JSON object")

        export = commands.add_parser("export", help="write every entry as a JSON line")
        export.add_argument("--output", metavar="FILE", help="default: standard output")

        prove = commands.add_parser("prove", help="prove that an event is in the history")
        prove.add_argument("id", type=_event_id, metavar="ID", help="uid of the event, or its position")
        prove.add_argument("--size", type=_number, help="size of the checkpoint; default: the latest")
        prove.add_argument("--json", action="store_true", help="one JSON object")

        consistency = commands.add_parser("consistency", help="prove that the history only grew")
        consistency.add_argument("size1", type=_number)
        consistency.add_argument("size2", type=_number)

        commands.add_parser("sequence", help="give waiting events their positions now")
        commands.add_parser(
            "checkpoint", help="sequence what waits, sign the tree and print the latest checkpoint"
        )
        key = commands.add_parser("key", help="print the verifier keys of the checkpoints, newest first")
        key.add_argument("--new", action="store_true", help="make a new key, which signs from now on")

        rerun = commands.add_parser("rerun", help="run parked events again; without an ID, list them")
        rerun.add_argument("id", nargs="*", type=_number, metavar="ID")

    def handle(self, *_: Any, action: str, **options: Any) -> None:
        run: Callable[..., None] = getattr(self, f"run_{action}")
        try:
            run(options)
        except Refusal as refusal:
            raise CommandError(refusal.detail) from refusal

    def run_verify(self, options: dict[str, Any]) -> None:
        notes = [_read(path) for path in options["checkpoint"]]
        keys = [_key(text) for text in options["key"]]
        result = verifying.verify(notes=notes, keys=keys, progress=self._progress())
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(result)))
        else:
            self._tell(result)
        if not result.ok:
            raise SystemExit(1)

    def run_export(self, options: dict[str, Any]) -> None:
        if options["output"]:
            with Path(options["output"]).open("w", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in exporting.export())
            return
        try:
            for line in exporting.export():
                self.stdout.write(line)
        except BrokenPipeError:  # `| head` has seen enough; spare it Python's complaint at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def run_prove(self, options: dict[str, Any]) -> None:
        named = options["id"]
        name = "uid" if isinstance(named, UUID) else "position"
        proof = proving.inclusion_prove(**{name: named}, size=options["size"])
        if options["json"]:
            self.stdout.write(json.dumps(proof.document()))
            return
        self.stdout.write(f"{proof.event.kind} {proof.event.subject}, position {proof.position}")
        self.stdout.write(f"leaf       {proof.leaf.decode()}")
        self.stdout.write(f"leaf hash  {proof.leaf_hash.hex()}")
        for value in proof.path:
            self.stdout.write(f"sibling    {value.hex()}")
        self.stdout.write(f"root       {bytes(proof.checkpoint.root).hex()} of {proof.size} entries")
        self.stdout.write(f"\n{proof.checkpoint.note}", ending="")

    def run_consistency(self, options: dict[str, Any]) -> None:
        proof = proving.consistency_prove(size1=options["size1"], size2=options["size2"])
        self.stdout.write(json.dumps(proof.document()))

    def run_sequence(self, _: dict[str, Any]) -> None:
        self.stdout.write(f"{sequencing.sequence(at=now())} events sequenced")

    def run_checkpoint(self, _: dict[str, Any]) -> None:
        sequencing.sequence(at=now())  # what was committed before the command belongs under its checkpoint
        latest = checkpoints.checkpoint(at=now()) or Checkpoint.objects.order_by("-size").first()
        if latest is None:
            raise CommandError("The history is empty: there is nothing to sign.")
        self.stdout.write(latest.note, ending="")

    def run_key(self, options: dict[str, Any]) -> None:
        make = checkpoints.checkpoint_key_create if options["new"] else checkpoints.checkpoint_key_ensure
        make(actor=command_line(), at=now())
        for key in CheckpointKey.objects.order_by("-id"):
            self.stdout.write(str(key.verifier_key))

    def run_rerun(self, options: dict[str, Any]) -> None:
        if not options["id"]:
            self._list_parked()
        for parked_id in options["id"]:
            feed.parked_rerun(parked_id=parked_id, actor=command_line(), at=now())
            self.stdout.write(f"{parked_id} done")

    def _list_parked(self) -> None:
        parked = ParkedEvent.objects.filter(state=ParkedEvent.State.PARKED).select_related("event")
        for row in parked.order_by("id").iterator():
            self.stdout.write(f"{row.pk}  {row.reader_id}  {row.event}  {row.error.splitlines()[0]}")

    def _progress(self) -> verifying.Progress | None:
        if not sys.stderr.isatty():
            return None

        def show(done: int, size: int) -> None:
            end = "\n" if done == size else ""
            self.stderr.write(f"\r{done * 100 // size} %", ending=end)
            self.stderr.flush()

        return show

    def _tell(self, result: verifying.Verification) -> None:
        if result.problem:
            first, last = result.problem.first, result.problem.last
            where = f"position {first}" if first == last else f"a position from {first} to {last}"
            self.stdout.write(f"BAD at {where}: {result.problem.cause}. {result.problem.detail}")
        else:
            self.stdout.write(
                f"ok: {result.size} entries, {result.checkpoints} checkpoints, root {result.root.hex()}"
            )
        if result.waiting:
            self.stdout.write(f"{result.waiting} events wait for their position")
        for table in result.unprotected:
            self.stdout.write(f"warning: table {table} has no append-only trigger")


def _as_json(result: verifying.Verification) -> dict[str, Any]:
    problem = result.problem
    return {
        "ok": result.ok,
        "size": result.size,
        "root": result.root.hex(),
        "checkpoints": result.checkpoints,
        "waiting": result.waiting,
        "unprotected": result.unprotected,
        "first_bad_position": problem.first if problem else None,
        "last_bad_position": problem.last if problem else None,
        "cause": problem.cause if problem else None,
        "detail": problem.detail if problem else None,
    }


def _event_id(text: str) -> UUID | int:
    try:
        return _number(text) if text.isdecimal() else UUID(text)
    except ValueError as error:
        raise ArgumentTypeError("neither a UUID nor a position") from error


def _number(text: str) -> int:
    if not text.isdecimal() or int(text) > LARGEST_NUMBER:
        raise ArgumentTypeError("not a number from 0 to 2**63 - 1")
    return int(text)


def _read(path: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}", returncode=2) from error


def _key(text: str) -> VerifierKey:
    try:
        return VerifierKey.parse(text)
    except BadNoteError as error:
        raise CommandError(f"--key: {error}", returncode=2) from error
