"""What import contracts cannot say, read from the syntax tree. Each rule is proved by a snippet that breaks it."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("config", "history", "accounts", "licenses", "trials", "billing", "notifications", "crm")
CLOCK = "config/kit/clock.py"
MANAGERS = {"objects", "_default_manager", "_base_manager"}
CATALOGUE = {"product", "plan", "preset", "offer", "coupon", "merchant", "catalogue"}
"""What the names of services begin with that the guard of our own license stands before."""
Rule = Callable[[ast.AST, str], Iterator[int]]


def sources() -> Iterator[tuple[str, ast.Module]]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def imported(node: ast.AST) -> list[str]:
    """The modules that a statement imports, `from a import b` as both a and a.b."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []


def imports_any(tree: ast.AST, names: tuple[str, ...]) -> Iterator[int]:
    for node in ast.walk(tree):
        if any(name == n or name.startswith(n + ".") for name in imported(node) for n in names):
            yield node.lineno


def no_save_override(tree: ast.AST, path: str) -> Iterator[int]:
    """Models state law; writes are services."""
    if "/models" in path:
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.name in {"save", "delete"}:
                yield node.lineno


def no_signals_of_our_own(tree: ast.AST, path: str) -> Iterator[int]:
    """The spine is history and its readers. Listening to Django's own post_migrate is Django's business."""
    yield from imports_any(
        tree,
        ("django.dispatch", *(f"django.db.models.signals.{w}_{v}" for w in ("pre", "post")
                              for v in ("save", "delete", "init")), "django.db.models.signals.m2m_changed"),
    )  # fmt: skip


def only_the_clock_reads_the_time(tree: ast.AST, path: str) -> Iterator[int]:
    for node in ast.walk(tree):
        if path != CLOCK and isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value).rpartition(".")[2]
            if (owner, node.attr) in {
                ("datetime", "now"),
                ("datetime", "utcnow"),
                ("datetime", "today"),
                ("date", "today"),
                ("timezone", "now"),
                ("timezone", "localdate"),
            }:
                yield node.lineno


def only_the_gateway_imports_stripe(tree: ast.AST, path: str) -> Iterator[int]:
    if not path.startswith("billing/gateway/"):
        yield from imports_any(tree, ("stripe",))


def no_raw_objects_in_the_api(tree: ast.AST, path: str) -> Iterator[int]:
    """Objects come through a selector that knows who asks."""
    if "/api/" in path and not path.startswith("config/kit/"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in MANAGERS:
                yield node.lineno


def domain_is_pure(tree: ast.AST, path: str) -> Iterator[int]:
    if "/domain/" in path:
        yield from imports_any(tree, ("django", "rest_framework", "celery", "environ", "config"))


def tasks_have_names(tree: ast.AST, path: str) -> Iterator[int]:
    """A task is enqueued by name: the name is written down and begins with its room."""
    room = path.partition("/")[0]
    for node in ast.walk(tree):
        for decorator in getattr(node, "decorator_list", ()):
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            if ast.unparse(called).rpartition(".")[2] in {"shared_task", "task"}:
                words = decorator.keywords if isinstance(decorator, ast.Call) else []
                names = [ast.literal_eval(word.value) for word in words if word.arg == "name"]
                if not names or not names[0].startswith(f"{room}."):
                    yield decorator.lineno


def rooms_know_only_the_kit_of_config(tree: ast.AST, path: str) -> Iterator[int]:
    if not path.startswith("config/") or path.startswith("config/kit/"):
        for node in ast.walk(tree):
            for name in imported(node):
                if name.startswith("config.") and not f"{name}.".startswith("config.kit."):
                    yield node.lineno


def services_name_their_actor(tree: ast.AST, path: str) -> Iterator[int]:
    """`actor` is named at every call of a public service."""
    if "/services/" in path and not path.startswith("history/"):
        for node in ast.iter_child_nodes(tree):
            is_public = isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
            if is_public and "actor" in {argument.arg for argument in node.args.args}:
                yield node.lineno


def catalogue_changes_ask_the_guard_first(tree: ast.AST, path: str) -> Iterator[int]:
    """E27: a service that changes what is sold begins with `catalogue_guard`. Who changes names an actor."""
    if "/services/" not in path:
        return
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.FunctionDef) or node.name.partition("_")[0] not in CATALOGUE:
            continue
        if "actor" in {argument.arg for argument in node.args.kwonlyargs}:
            first = node.body[1 if ast.get_docstring(node) is not None else 0 :][:1]
            calls = [
                ast.unparse(one.func) for part in first for one in ast.walk(part) if isinstance(one, ast.Call)
            ]
            if "catalogue_guard" not in calls:
                yield node.lineno


def no_tier_decides(tree: ast.AST, path: str) -> Iterator[int]:
    """C3, C13: gates ask for entitlements. A tier is read off them in one place, and nothing is read off a tier."""
    if path == "licenses/domain/own_license.py":
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "Tier":
            yield node.lineno
        keys = node.keys if isinstance(node, ast.Dict) else ()
        compared = [node.left, *node.comparators] if isinstance(node, ast.Compare) else ()
        for part in (*keys, *compared):
            names = {"pro", "patron"}
            if (isinstance(part, ast.Constant) and part.value in names) or getattr(
                part, "attr", ""
            ) == "tier":
                yield node.lineno


RULES: dict[Rule, tuple[str, str, str, str]] = {
    # rule: (path, snippet that breaks it, path, snippet that keeps it)
    no_save_override: (
        "a/models.py", "class M:\n    def save(self): ...",
        "a/services/x.py", "def save(): ...",
    ),
    no_signals_of_our_own: (
        "a/apps.py", "from django.dispatch import receiver",
        "a/apps.py", "from django.db.models.signals import post_migrate",
    ),
    only_the_clock_reads_the_time: (
        "a/services/x.py", "import datetime\nx = datetime.datetime.now()",
        CLOCK, "from datetime import datetime\nx = datetime.now()",
    ),
    only_the_gateway_imports_stripe: (
        "billing/services/x.py", "def f():\n    from stripe import Webhook",
        "billing/gateway/client.py", "import stripe",
    ),
    no_raw_objects_in_the_api: (
        "a/api/views.py", "rows = License.objects.all()",
        "a/selectors.py", "rows = License.objects.all()",
    ),
    domain_is_pure: (
        "a/domain/x.py", "def f():\n    from django.conf import settings",
        "a/domain/x.py", "from a.domain import y",
    ),
    tasks_have_names: (
        "a/tasks.py", "@shared_task\ndef f(): ...",
        "a/tasks.py", "@shared_task(name='a.f')\ndef f(): ...",
    ),
    rooms_know_only_the_kit_of_config: (
        "a/services/x.py", "from config import conf",
        "a/services/x.py", "from config.kit import clock",
    ),
    no_tier_decides: (
        "a/services/x.py", "GRANTS = {'pro': ['crm']}",
        "a/services/x.py", "text = f'The tier {standing.tier} has no crm.'",
    ),
    catalogue_changes_ask_the_guard_first: (
        "a/services/x.py", "def coupon_create(*, actor, at):\n    'Doc.'\n    row = make()\n    catalogue_guard(at)",
        "a/services/x.py", "def catalogue_sync(*, actor, at, dry):\n    if not dry:\n        catalogue_guard(at)",
    ),
    services_name_their_actor: (
        "a/services/x.py", "def f(actor, at): ...",
        "a/services/x.py", "def f(*, actor, at): ...",
    ),
}  # fmt: skip
NAMED = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)


def test_the_guard_stands_before_every_kind_of_change():
    """E27: the rule above goes by names; these are there to be found by it."""
    names = {node.name for path, tree in sources() if "/services/" in path for node in tree.body
             if isinstance(node, ast.FunctionDef)}  # fmt: skip
    assert {f"{noun}_create" for noun in CATALOGUE - {"catalogue"}} | {
        "catalogue_load",
        "catalogue_sync",
    } <= names


@NAMED
def test_the_rule_holds_everywhere(rule):
    broken = [f"{path}:{line}" for path, tree in sources() for line in rule(tree, path)]
    assert not broken


@NAMED
def test_the_rule_is_broken_by_what_it_forbids(rule):
    path, snippet, _, _ = RULES[rule]
    assert list(rule(ast.parse(snippet), path))


@NAMED
def test_the_rule_lets_pass_what_it_allows(rule):
    _, _, path, snippet = RULES[rule]
    assert not list(rule(ast.parse(snippet), path))


@pytest.mark.parametrize(
    "call", ["datetime.utcnow()", "timezone.now()", "date.today()", "dt.datetime.now(UTC)"]
)
def test_every_way_to_read_the_time_is_seen(call):
    assert list(only_the_clock_reads_the_time(ast.parse(call), "a/x.py"))


BARE = re.compile(r"# (?:noqa(?:: [A-Z0-9, ]+)?|type: ignore(?:\[[a-z, -]+\])?)\s*$")


def test_a_reason_stands_beside_whatever_a_checker_is_told_to_ignore():
    """Conventions: of a line that goes past a linter or the type checker one can read why."""
    bare = [
        f"{path.relative_to(ROOT)}:{number}"
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*.py"))
        if "migrations" not in path.parts
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if BARE.search(line)
    ]
    assert bare == []


@pytest.mark.parametrize("comment", ["noqa", "noqa: A002", "type: ignore", "type: ignore[no-any-return]"])
def test_a_bare_comment_is_seen(comment):
    assert BARE.search(f"x = 1  # {comment}")
    assert not BARE.search(f"x = 1  # {comment} - the reason")
    assert not BARE.search(f"x = 1  # {comment} # the reason")


def test_a_task_of_another_room_s_name_is_seen():
    assert list(tasks_have_names(ast.parse("@app.task(name='b.f')\ndef f(): ..."), "a/tasks.py"))
