"""The domain runs in a customer's deployment: no Django, no sockets, nothing of the issuer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
PROGRAM = """
import importlib, pkgutil, socket, sys
from datetime import UTC, datetime

ALLOWED = {*sys.stdlib_module_names, "licenses", "cryptography", "jwt", "_cffi_backend", "cffi"}
ALLOWED.add("typing_extensions")

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in ALLOWED:
            raise ImportError(f"{name} is blocked")

def refuse(*args, **kwargs):
    raise OSError("networking is off")

sys.meta_path.insert(0, Blocker())
socket.socket = socket.create_connection = socket.getaddrinfo = refuse
sys.path.insert(0, sys.argv[1])
package = importlib.import_module("licenses.domain")
names = [module.name for module in pkgutil.iter_modules(package.__path__)]
for name in names:
    importlib.import_module(f"licenses.domain.{name}")
assert not [name for name in sys.modules if name.partition(".")[0] in ("django", "config", "history")]

from licenses.domain.keys import KeySet
from licenses.domain.verification import verify
result = verify("x", KeySet([]), now=datetime(2026, 1, 1, tzinfo=UTC), issuer=None, audience=None)
print(len(names), result.reason)
"""


def test_every_module_imports_and_verifies_without_django_or_sockets(tmp_path):
    """A5: the verifier needs a key, a token and a clock; it opens no socket and imports nothing of ours."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(ROOT)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    count, reason = done.stdout.split()
    assert int(count) > 20
    assert reason == "unknown_format"


def test_no_module_reads_the_clock():
    """A6: time is an argument; a pure rule that reads the clock is neither."""
    sources = (ROOT / "licenses" / "domain").glob("*.py")
    forbidden = ("datetime.now(", "utcnow(", "time.time(", "date.today(", "os.environ", "import django")
    assert [(path.name, word) for path in sources for word in forbidden if word in path.read_text()] == []
