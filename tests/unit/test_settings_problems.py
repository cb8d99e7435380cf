"""Settings: each mistake has its sentence, which names the place, the key and what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.errors import ConfigError
from daemon.settings import load

CANARY = "canary7f3a9c"


def refused(path: Path | None, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(path, environ)
    return caught.value.message.splitlines()


@pytest.fixture
def written(tmp_path):
    def write(text: str) -> Path:
        path = tmp_path / "wispbill.toml"
        path.write_text(text)
        return path

    return write


LENGTH = 'must be a length of time with its unit (ms, s, min, h or d), like "30s"'
NO_SECRET = "looks like a secret, and no secret stands in the configuration; "


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('[push]\nevry = "30s"', 2, "push.evry is not a key; did you mean push.every?"),
        ("# a\n\n[push]\nworkers = 3", 4, "push.workers is not a key; did you mean daemon.workers?"),
        ("[network]\nzzz = 3", 2, "network.zzz is not a key; known here: allow"),
        ("[puhs]\na = 1", 1, "puhs is not a section; did you mean push?"),
        ("every = 1", 1, "every is not a section; did you mean push.every?"),
        (
            '[providers.stripe]\nbase_ul = ""',
            2,
            "providers.stripe.base_ul is not a key; did you mean providers.stripe.base_url?",
        ),
        ("[providers.Stripe]", 1, "providers.Stripe must be small letters, digits and _"),
        ('[push]\nevery = "30"', 2, f"push.every {LENGTH}"),
        ('[push]\nevery = "30 parsecs"', 2, f"push.every {LENGTH}"),
        ("[push]\nevery = 30", 2, f"push.every {LENGTH}"),
        ('[push]\nevery = "10ms"', 2, 'push.every must be at least "1s"'),
        (
            '[receiver]\nmax_body = "1MB"',
            2,
            'receiver.max_body must be a size with its unit (B, KiB, MiB or GiB), like "256KiB"',
        ),
        ('[daemon]\nworkers = "8"', 2, "daemon.workers must be a whole number without quotes, like 8"),
        ("[daemon]\nworkers = true", 2, "daemon.workers must be a whole number without quotes, like 8"),
        ("[daemon]\nworkers = 65", 2, "daemon.workers must be at most 64"),
        ("[brake]\nshare = 0", 2, "brake.share must be more than 0"),
        ("[brake]\nshare = nan", 2, "brake.share must be a finite number, like 0.2"),
        ('[push]\nenabled = "yes"', 2, "push.enabled must be true or false, without quotes"),
        (
            '[daemon]\nlog_level = "loud"',
            2,
            "daemon.log_level must be one of 'debug', 'info', 'warning' or 'error'",
        ),
        ('[daemon]\nstate_dir = "var"', 2, "daemon.state_dir must be a path that begins with /"),
        ('[tidy]\nat = "25:00"', 2, 'tidy.at must be a time of day in UTC, like "03:15"'),
        (
            '[receiver]\nlisten = "8470"',
            2,
            'receiver.listen must be a host and a port, like "127.0.0.1:8470" or "[::1]:8470"',
        ),
        (
            '[receiver]\npublic_url = "http://billing.example.com"',
            2,
            "receiver.public_url must be an https address without a path, like "
            '"https://billing.example.com", or ""',
        ),
        (
            '[receiver]\ntrusted_proxy = "proxy"',
            2,
            'receiver.trusted_proxy must be an IP address, like "127.0.0.1", or ""',
        ),
        (
            '[network]\nallow = [\n  "10.0.0.5:8443",\n  "*:443",\n]',
            2,
            'network.allow must be a list of exact host:port pairs, like ["10.0.0.5:8443"]',
        ),
        (
            f'[providers.xero]\nbase_url = "https://u:{CANARY}@h"',
            2,
            "providers.xero.base_url must be an address without user, password or query, like "
            '"http://127.0.0.1:12111", or ""',
        ),
        (
            f'[database]\nurl = "mysql://u:{CANARY}@h/x"',
            2,
            "database.url holds a password, and no secret stands in this file; leave it out for ~/.pgpass, "
            "or give the whole url as WISPBILL_DATABASE__URL",
        ),
        ("push = 3", 1, "push must be a section, written [push]"),
        ("providers = 3", 1, "providers must be a section, written [providers]"),
        (
            f'[providers.stripe]\nsecret_key = "{CANARY}"',
            2,
            f"providers.stripe.secret_key {NO_SECRET}give credentials with `wispbill integrations add`, "
            "which seals them",
        ),
        (
            f'[database]\npassword = "{CANARY}"',
            2,
            f"database.password {NO_SECRET}use ~/.pgpass, or give the whole url as WISPBILL_DATABASE__URL",
        ),
        (
            f'[vault]\nmaster_key = "{CANARY}"',
            2,
            f"vault.master_key {NO_SECRET}name a private file with vault.key_file, or use systemd's "
            "LoadCredential=master.key:…",
        ),
    ],
)
def test_a_problem_in_the_file_names_line_key_and_what_would_be_right(written, text, line, said):
    path = written(text)

    problems = refused(path)

    assert f"{path}, line {line}: {said}" in problems
    assert CANARY not in "\n".join(problems)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[push]\nevery = 30s", 2, "this is not TOML"),
        (f"[push]\nevery = {CANARY}", 2, "this is not TOML"),
        ("[push\n", 1, "this is not TOML"),
        ("[network]\nallow = [\n", 3, "this is not TOML"),
        ("[push]\n[pull]\n[push]\n", 3, "this section or key stands above already; write it once"),
        (
            "[brake]\nat_least = 1\nat_least = 2\n",
            3,
            "this section or key stands above already; write it once",
        ),
    ],
)
def test_what_is_not_toml_is_refused_with_its_line(written, text, line, said):
    path = written(text)

    [problem] = refused(path)

    assert problem.startswith(f"{path}, line {line}: {said}")
    assert CANARY not in problem


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("WISPBILL_PUSH__EVERY", "30", f"push.every {LENGTH}"),
        ("WISPBILL_PUSH__EVRY", "30s", "push.evry is not a key; did you mean push.every?"),
        ("WISPBILL_PUSH_EVERY", "30s", "is not a setting; did you mean WISPBILL_PUSH__EVERY?"),
        ("WISPBILL_DAEMON__WORKERS", "many", "daemon.workers must be a whole number without quotes, like 8"),
        ("WISPBILL_PUSH__ENABLED", "yes", "push.enabled must be true or false, without quotes"),
        ("STATE_DIRECTORY", "var", "daemon.state_dir must be a path that begins with /"),
        (
            "WISPBILL_DATABASE__URL",
            f"mysql://u:{CANARY}@h/x",
            'database.url must be "" or begin with sqlite:///absolute/path or postgresql://',
        ),
    ],
)
def test_a_problem_in_the_environment_names_the_variable(name, value, said):
    assert refused(None, **{name: value}) == [f"environment variable {name}: {said}"]


def test_every_problem_is_told_at_once(written):
    assert len(refused(written("[push]\na = 1\nb = 2\n[pull]\nc = 3\n"))) == 3


def test_a_line_is_found_behind_many_lines_of_text_and_dotted_keys(written):
    path = written(
        '[network]\nallow = [\n  "a:1",\n\n]\n# push.every = 1\npush.x = 1\n[daemon]\ny = """\n"""\n'
    )

    assert {problem.split(": ")[0] for problem in refused(path)} == {f"{path}, line 7", f"{path}, line 9"}


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "latin").write_bytes(b"# caf\xe9")

    assert refused(tmp_path / "none") == [f"{tmp_path}/none: cannot be read: No such file or directory"]
    assert refused(tmp_path / "latin") == [f"{tmp_path}/latin: is not text in UTF-8"]
