"""The documents: what they say about commands, codes, files and versions is so."""

from __future__ import annotations

import importlib.util
import io
import re
import shlex
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer
from typer.main import get_command

from daemon import __version__
from daemon.cli import app
from daemon.errors import CATALOGUE
from daemon.jobs.importing.files import read_csv
from daemon.providers.stripe.setup import CAPABILITIES, StripeSettings
from daemon.providers.stripe.words import API_VERSION

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
TYPED = "typed"
"""Stands for an argument that a sentence leaves out."""

CODE = re.compile(r"WB-[A-Z]+(?:-[A-Z]+)*(?![A-Z0-9])")
"""A reference of ours, such as WB-SAMPLE234567ABCD, has digits and is none."""
ANSWERED = ("WB-CODE",)
"""Placeholders in the text of the program, not codes."""


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.fixture(scope="module")
def make() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_make", ROOT / "docs" / "make.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["errors.md", "events.md", "providers.md"])
def test_a_page_made_from_code_is_as_the_code_is(make: ModuleType, name: str) -> None:
    assert (ROOT / "docs" / name).read_text() == make.PAGES[name](), "run: python docs/make.py"


# --- commands -----------------------------------------------------------------------------------------


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL)


def shell_lines(page: Path) -> Iterator[str]:
    """Whole lines: one that ends inside a quotation goes on with the next."""
    for block in blocks(page, "sh"):
        line = ""
        for part in block.splitlines():
            line = f"{line} {part}" if line else part
            if line.partition(" #")[0].count("'") % 2 == 0:
                yield line
                line = ""
        assert not line, f"{relative(page)}: a quotation does not end: {line}"


def commands_in(line: str) -> Iterator[list[str]]:
    """The words after `wispbill` of each command of a shell line."""
    words = shlex.split(line, comments=True)
    for place, word in enumerate(words):
        if word.split("/")[-1] == "wispbill" and (place == 0 or words[place - 1] in ("&&", "|", "sudo")):
            rest = words[place + 1 :]
            end = next((n for n, w in enumerate(rest) if w in ("&&", "|", ">", "<", "&", "||")), len(rest))
            yield rest[:end]


def shown() -> Iterator[Any]:
    """Whole command lines, as somebody would copy them."""
    for page in PAGES:
        for line in shell_lines(page):
            for words in commands_in(line):
                yield pytest.param(words, id=f"{relative(page)}: {' '.join(words)}")


def named() -> Iterator[Any]:
    """Commands that a sentence names, in the pages and in what the program says."""
    sources = [*PAGES, ROOT / "config" / "wispbill.example.toml", *sorted((ROOT / "daemon").rglob("*.py"))]
    seen: set[str] = set()
    for source in sources:
        for text in re.findall(r"`(?:sudo )?wispbill ([^`\n]+)`", source.read_text()):
            if text not in seen and not text.startswith("{"):
                seen.add(text)
                yield pytest.param(shlex.split(text), id=f"{relative(source)}: {text}")


@cache
def root_command() -> Any:
    return get_command(app)


def leaf(words: list[str]) -> tuple[Any, list[str]]:
    """The command that these words name, and what is left for it."""
    command, rest = root_command(), list(words)
    while rest and rest[0].startswith("-") and command is root_command():
        assert rest[0] in ("--config", "--version", "--help"), f"there is no option {rest[0]}"
        rest = rest[2:] if rest[0] == "--config" else rest[1:]
    while rest and rest[0] in getattr(command, "commands", {}):
        command = command.commands[rest.pop(0)]
    at_group = hasattr(command, "commands") and not command.invoke_without_command
    assert not (at_group and rest and rest[0] != "…"), f"there is no command {' '.join(words)}"
    return command, [] if at_group else rest


@pytest.mark.parametrize("words", list(shown()))
def test_a_command_line_in_the_docs_can_be_typed_as_it_stands(words: list[str]) -> None:
    command, rest = leaf(words)
    assert not hasattr(command, "commands") or command.invoke_without_command, "this only prints help"
    try:
        command.make_context(command.name, rest)
    except typer.TyperException as error:
        pytest.fail(error.format_message())


@pytest.mark.parametrize("words", list(named()))
def test_a_command_named_in_a_sentence_exists_with_its_options(words: list[str]) -> None:
    command, rest = leaf(words)
    known = {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
    for word in rest:
        if word.startswith("--"):
            assert word.split("=")[0] in known, f"{' '.join(words)}: there is no {word}"


# --- examples -----------------------------------------------------------------------------------------


def test_the_readmes_invoices_can_be_imported() -> None:
    (example,) = blocks(ROOT / "README.md", "csv")
    (item,) = read_csv(io.BytesIO(example.encode()))
    assert item.problem is None
    assert (item.raw["number"], item.raw["customer"]) == ("INV-0001", "C-0001")


def test_the_page_about_stripe_gives_its_settings_as_they_are() -> None:
    page = ROOT / "docs" / "providers" / "stripe.md"
    given = [words[-1] for line in shell_lines(page) for words in commands_in(line) if "--settings" in words]
    assert StripeSettings.model_validate_json(given[0]).tax_rates["county"].display_name == "Sales tax"
    text = page.read_text()
    assert [name for name in StripeSettings.model_fields if f"`{name}`" not in text] == []
    assert API_VERSION in text
    assert f"at most {CAPABILITIES.max_number_length} characters" in text
    assert f"{CAPABILITIES.key_window_s / 3600:.0f} hours" in text


# --- codes --------------------------------------------------------------------------------------------


def codes_used() -> dict[str, str]:
    """Every code that the program names outside of the catalogue, and where."""
    found: dict[str, str] = {}
    for path in sorted((ROOT / "daemon").rglob("*.py")):
        text = path.read_text()
        if path.name == "errors.py" and path.parent.name == "daemon":
            text = text.partition("CATALOGUE")[0]
        found |= dict.fromkeys(CODE.findall(text), relative(path))
    return {code: where for code, where in found.items() if code not in ANSWERED}


def test_every_code_that_is_used_is_in_the_catalogue() -> None:
    assert {code: where for code, where in codes_used().items() if code not in CATALOGUE} == {}


def test_every_code_of_the_catalogue_is_used() -> None:
    assert CATALOGUE.keys() - codes_used().keys() == set()


def test_the_docs_name_no_code_that_does_not_exist() -> None:
    for page in PAGES:
        assert set(CODE.findall(page.read_text())) - CATALOGUE.keys() == set(), relative(page)


# --- files and versions -------------------------------------------------------------------------------


def links() -> Iterator[Any]:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
            if "://" not in target:
                yield pytest.param(page, target, id=f"{relative(page)}: {target}")


@pytest.mark.parametrize("page, target", list(links()))
def test_a_link_leads_somewhere(page: Path, target: str) -> None:
    name, _, anchor = target.partition("#")
    there = (page.parent / name).resolve() if name else page
    assert there.is_relative_to(ROOT) and there.exists()
    if anchor:
        headings = re.findall(r"^#+ (.+)$", there.read_text(), re.MULTILINE)
        assert anchor in {re.sub(r"[^\w\- ]", "", h).lower().replace(" ", "-") for h in headings}


def test_the_changelog_begins_with_this_version() -> None:
    first = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert first and first[1] == __version__


def test_each_provider_has_its_page_and_the_readme_leads_to_each_page() -> None:
    from daemon.providers import names, provider_class

    for name in names():
        assert (ROOT / provider_class(name).docs).is_file()
    readme = (ROOT / "README.md").read_text()
    for page in sorted((ROOT / "docs").glob("*.md")):
        assert f"({relative(page)})" in readme


BINARY = {".png", ".ico", ".ttf", ".woff2"}


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is not a git checkout")
    paths = (ROOT / name for name in listed.stdout.split("\0") if name)
    return [path for path in paths if path.is_file() and path.suffix not in BINARY]


def test_no_file_names_a_path_of_the_machine_it_was_written_on(tracked: list[Path]) -> None:
    foreign = re.compile(r"(?<![\w./-])/(?:work|root)/\w|(?<![\w./-])/home/\w+/\w")
    found = {
        relative(path): match[0]
        for path in tracked
        if path != Path(__file__) and (match := foreign.search(path.read_text()))
    }
    assert found == {}


def test_a_lock_file_names_versions_and_hashes_and_no_host(tracked: list[Path]) -> None:
    locks = [path for path in tracked if path.suffix == ".lock" or path.name.endswith("-lock.json")]
    assert locks
    for path in locks:
        assert "://" not in path.read_text(), relative(path)
        assert "index-url" not in path.read_text(), relative(path)
