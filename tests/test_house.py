"""The house: imports point down only, and what is dangerous has one door."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

RINGS = (
    (
        "words",
        {
            "errors",
            "clock",
            "money",
            "locales",
            "model",
            "settings",
            "wire",
            "log",
            "vault",
            "beats",
            "systemd",
            "wakeup",
        },
    ),
    ("decisions", {"reconcile", "policy", "dunning", "matching"}),
    ("edges", {"store", "providers", "alerts", "gate", "pdf"}),
    ("work", {"house", "tokens", "connect", "jobs", "timeline", "office", "reports"}),
    ("wiring", {"app", "scheduler"}),
    ("faces", {"web", "sandbox"}),
    ("the process", {"service", "cli", "__main__"}),
)
"""From the bottom up. `service` starts the web faces, the commands start `service`."""

LEVEL = {part: level for level, (_ring, parts) in enumerate(RINGS) for part in parts}

DECISIONS = {"reconcile", "policy", "dunning", "matching"}

STRANGERS = (
    {"store", "providers", "alerts", "gate", "pdf"},
    DECISIONS,
    {"web", "sandbox"},
)
"""Parts of one ring that do not know one another."""


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted((ROOT / "daemon").rglob("*.py")):
        if "migrations" in path.parts:
            continue
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


MODULES = dict(modules())


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


@cache
def imports(module: str) -> frozenset[str]:
    """Every module that this one names in an import, wherever the import stands."""
    found: set[str] = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            name = node.module or ""
            inner = {f"{name}.{alias.name}" for alias in node.names}
            found |= inner & MODULES.keys() or {name}
    return frozenset(found)


def part_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def ours(module: str) -> Iterator[str]:
    """The parts of the house that a module imports, but for its own and for the version."""
    for name in imports(module):
        if name.split(".")[0] == "daemon" and part_of(name) not in ("", part_of(module)):
            yield part_of(name)


def test_every_part_of_the_house_has_its_ring() -> None:
    assert {part_of(module) for module in MODULES} - {""} <= LEVEL.keys()


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down_only(module: str) -> None:
    mine = part_of(module)
    if not mine:
        assert list(ours(module)) == []
        return
    for other in ours(module):
        assert LEVEL[other] <= LEVEL[mine], f"{module} reaches up to {other}"
        for strangers in STRANGERS:
            assert not {mine, other} <= strangers, f"{module} knows {other}"


def test_an_adapter_knows_no_other_adapter() -> None:
    adapters = {path.name for path in (ROOT / "daemon" / "providers").iterdir() if path.is_dir()}
    for module in MODULES:
        home = module.split(".")[2] if module.startswith("daemon.providers.") else ""
        if home in adapters:
            known = {name.split(".")[2] for name in imports(module) if name.startswith("daemon.providers.")}
            assert known & adapters <= {home}, module


def reachable(start: str) -> set[str]:
    """All that comes along when this module is imported."""
    found, todo = set(), [start]
    while todo:
        module = todo.pop()
        if module in found or module not in MODULES:
            continue
        found.add(module)
        parents = [module.rsplit(".", n)[0] for n in range(1, module.count(".") + 1)]
        todo += [*imports(module), *parents]
    return found


RECEIVER = ("daemon.web.receiver", "daemon.web.inbox")
CHANGES = ("daemon.reconcile", "daemon.store.changes", "daemon.jobs")


@pytest.mark.parametrize("module", RECEIVER)
def test_the_receiver_cannot_change_an_invoice(module: str) -> None:
    """It cannot even name what could."""
    assert module in MODULES
    direct = [name for name in reachable(module) if name.startswith("daemon.web")]
    for name in direct:
        assert not {x for x in imports(name) if x.startswith(CHANGES)}, name


def test_decisions_touch_neither_the_world_nor_a_clock() -> None:
    for module in (name for name in MODULES if part_of(name) in DECISIONS):
        outside = {name.split(".")[0] for name in imports(module)} - {"daemon"}
        allowed = {"__future__", "calendar", "collections", "dataclasses", "datetime", "enum", "math", "re"}
        arithmetic = {"dateutil", "phonenumbers", "rapidfuzz"}
        assert outside <= allowed | {"typing", "unicodedata"} | arithmetic


def test_service_status_has_one_writer() -> None:
    """`store.service.move` writes it, and `jobs.enforce` alone calls that."""
    callers = {
        module
        for module in MODULES
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Attribute) and node.attr == "move"
        if isinstance(node.value, ast.Name) and node.value.id == "service"
    }
    assert callers == {"daemon.jobs.enforce.acting"}


def importers(library: str) -> set[str]:
    return {
        module
        for module in MODULES
        if any(name == library or name.startswith(f"{library}.") for name in imports(module))
    }


def test_httpx_has_one_door() -> None:
    allowed = ("daemon.wire", "daemon.sandbox.transport")
    assert {module for module in importers("httpx") if not module.startswith(allowed)} == set()


def test_the_database_library_stays_in_the_store() -> None:
    outside = {m for m in importers("peewee") | importers("playhouse") if not m.startswith("daemon.store")}
    assert outside == set()


def test_a_provider_s_sdk_stays_in_its_adapter() -> None:
    assert {m for m in importers("stripe") if not m.startswith("daemon.providers.stripe")} == set()


def test_the_web_library_stays_in_the_faces() -> None:
    assert all(module.startswith(("daemon.web", "daemon.sandbox")) for module in importers("bottle"))


BANNED = {
    "time": {"time", "monotonic", "sleep", "perf_counter", "time_ns", "monotonic_ns"},
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
    "uuid": {"uuid1", "uuid4"},
    "random": None,
    "secrets": {"token_bytes", "token_hex", "token_urlsafe", "randbelow", "choice", "randbits"},
    "os": {"urandom"},
}


@pytest.mark.parametrize("module", [module for module in MODULES if module != "daemon.clock"])
def test_time_and_chance_come_from_the_clock_alone(module: str) -> None:
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name | ast.Attribute):
            holder = node.value.id if isinstance(node.value, ast.Name) else node.value.attr
            names = BANNED.get(holder, set())
            assert names is not None, f"{module}:{node.lineno} draws from random"
            assert node.attr not in names, f"{module}:{node.lineno} calls {holder}.{node.attr}"
        elif isinstance(node, ast.ImportFrom) and node.module in BANNED:
            names = BANNED[node.module]
            taken = {alias.name for alias in node.names}
            assert names is not None, f"{module}:{node.lineno} takes from random"
            assert not taken & names, f"{module}:{node.lineno} takes {taken & names} from {node.module}"


def test_no_module_outgrows_a_reader() -> None:
    sizes = {module: len(path.read_text(encoding="utf-8").splitlines()) for module, path in MODULES.items()}
    assert {module: lines for module, lines in sizes.items() if lines > 400} == {}
