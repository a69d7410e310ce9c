"""`manage.py evidence …`: show, evaluate, export, approve and draft the evidence of trials.

Exit codes: 0 done (for `evaluate`: nothing is blocked), 1 refused or blocked, 2 wrong usage.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.kit.actors import command_line
from config.kit.clock import now
from config.kit.errors import NotFound, Refusal
from trials.domain.evidence.gates import evaluate
from trials.domain.evidence.stages import STAGES
from trials.evidence_export import evidence_document, evidence_export, evidence_markdown
from trials.evidence_facts import chain_of
from trials.evidence_lists import expired_without_follow_up
from trials.models import Trial
from trials.services.evidence.approvals import package_decide
from trials.services.evidence.drafting import evidence_draft
from trials.services.evidence.evaluating import packages_evaluate
from trials.services.evidence.packages import package_by_uid


class Command(BaseCommand):
    help = (
        "Shows, evaluates, exports, approves and drafts the evidence of trials."
        " Exit codes: 0 done, or nothing is blocked; 1 refused, or blocked; 2 wrong usage."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        self._of_trial(actions.add_parser("show", help="one trial's packages, blockers and decisions"))
        judge = actions.add_parser("evaluate", help="judge one trial's packages, or every package again")
        judge.add_argument(
            "trial", nargs="?", type=UUID, metavar="TRIAL", help="uid of the trial; default: all"
        )
        judge.add_argument("--json", action="store_true", help="one JSON object")
        export = self._of_trial(actions.add_parser("export", help="the public-safe document of one trial"))
        export.add_argument("--format", choices=("json", "markdown"), default="json")
        approve = actions.add_parser("approve", help="decide on one version of a package")
        approve.add_argument("package", type=UUID, metavar="PACKAGE", help="uid of the package")
        approve.add_argument("--digest", required=True, help="of the version that was read, see `show`")
        approve.add_argument("--reject", action="store_true", help="say no")
        approve.add_argument("--comment", default="", help="words without names or secrets")
        draft = actions.add_parser(
            "draft", help="open what is missing for trials past their end (the daily job)"
        )
        draft.add_argument("--json", action="store_true", help="one JSON object")

    def _of_trial(self, parser: ArgumentParser) -> ArgumentParser:
        parser.add_argument("trial", type=UUID, metavar="TRIAL", help="uid of the trial")
        parser.add_argument("--json", action="store_true", help="one JSON object")
        return parser

    def handle(self, *_: Any, action: str, **options: Any) -> None:
        try:
            code = getattr(self, f"run_{action}")(options)
        except Refusal as refusal:
            raise CommandError(f"{refusal.code}: {refusal.detail}", returncode=1) from refusal
        if code:
            sys.exit(code)

    def run_show(self, options: dict[str, Any]) -> int:
        document = evidence_document(_trial(options["trial"]), at=now())
        if options["json"]:
            self._json(document)
        else:
            self.stdout.write(evidence_markdown(document), ending="")
        return 0

    def run_evaluate(self, options: dict[str, Any]) -> int:
        if options["trial"] is None:
            changed = packages_evaluate(at=now())
            self.stdout.write(
                json.dumps({"changed": changed}) if options["json"] else f"{changed} packages changed"
            )
            return 0
        chain = chain_of(_trial(options["trial"]).pk)
        if not chain:
            raise NotFound("This trial has no evidence yet.")
        said = {name.value: evaluate(package, STAGES) for name, package in chain.items()}
        if options["json"]:
            self._json({name: {"state": e.state.value, "blockers": e.codes} for name, e in said.items()})
        else:
            for name, evaluation in said.items():
                self.stdout.write(f"{name:<16}{evaluation.state.value:<9}{', '.join(evaluation.codes)}")
        return int(any(evaluation.blockers for evaluation in said.values()))

    def run_export(self, options: dict[str, Any]) -> int:
        document = evidence_export(trial=_trial(options["trial"]), actor=command_line(), at=now())
        if options["format"] == "markdown":
            self.stdout.write(evidence_markdown(document), ending="")
        else:
            self._json(document)
        return 0

    def run_approve(self, options: dict[str, Any]) -> int:
        package_decide(
            package=package_by_uid(str(options["package"])),
            digest=options["digest"],
            approved=not options["reject"],
            comment=options["comment"],
            actor=command_line(),
            at=now(),
        )
        self.stdout.write("rejected" if options["reject"] else "approved")
        return 0

    def run_draft(self, options: dict[str, Any]) -> int:
        at = now()
        drafted, left = evidence_draft(at=at), expired_without_follow_up(at).count()
        said = f"{drafted} trials got drafts, {left} wait for their follow-up"
        self.stdout.write(json.dumps({"drafted": drafted, "late": left}) if options["json"] else said)
        return 0

    def _json(self, value: Any) -> None:
        self.stdout.write(json.dumps(value, indent=2, ensure_ascii=False))


def _trial(uid: UUID) -> Trial:
    row = Trial.objects.filter(uid=uid).select_related("account", "program", "license").first()
    if row is None:
        raise NotFound("There is no such trial.")
    return row
