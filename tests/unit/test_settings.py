"""Settings: every key is documented, and what is wrong is said with its place and never its value."""

from __future__ import annotations

import tomllib
from datetime import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from daemon.errors import ConfigError
from daemon.settings import Address, ProviderSection, Settings, load, needs_restart
from daemon.settings.model import Section

CONFIG = Path(__file__).resolve().parents[2] / "config"
EXAMPLE = CONFIG / "wispbill.example.toml"
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


def sections() -> dict[str, type[Section]]:
    named = {name: field.annotation for name, field in Settings.model_fields.items() if name != "providers"}
    return {**named, "providers.stripe": ProviderSection}  # type: ignore[dict-item]


def every_key() -> dict[str, object]:
    """Each dotted key with its default as TOML writes it."""
    return {
        f"{section}.{key}": list(field.default) if isinstance(field.default, tuple) else field.default
        for section, model in sections().items()
        for key, field in model.model_fields.items()
    }


def flat(document: dict, prefix: str = "") -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in document.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return found


# --- the example --------------------------------------------------------------------------------------


def test_the_example_shows_every_key_with_its_default_and_no_other():
    assert flat(tomllib.loads(EXAMPLE.read_text())) == every_key()


def test_the_example_does_the_same_as_no_file():
    example = load(EXAMPLE, {})

    assert example.model_copy(update={"providers": {}}) == load(None, {})
    assert example.provider("stripe") == load(None, {}).provider("stripe")


def test_the_example_explains_each_key_and_names_its_default():
    lines = EXAMPLE.read_text().splitlines()
    for number, line in enumerate(lines):
        if not line or line[0] in "#[":
            continue
        comment: list[str] = []
        while lines[number - 1 - len(comment)].startswith("#"):
            comment.insert(0, lines[number - 1 - len(comment)].removeprefix("# "))
        assert f"Default: {line.split(' = ')[1]}" in " ".join(comment), line


def test_the_example_says_restart_at_exactly_the_keys_that_need_one():
    section, block, said = "", "", set()
    whole = {"receiver", "api", "providers.stripe"}
    for line in EXAMPLE.read_text().splitlines():
        if line.startswith("["):
            section, block = line.strip("[]"), ""
        elif line.startswith("#"):
            block += line
        elif " = " in line:
            if "(restart)" in block or section in whole:
                said.add(f"{section}.{line.split(' = ')[0]}")
            block = ""
    assert said == {
        f"{name}.{key}"
        for name, model in sections().items()
        for key, field in model.model_fields.items()
        if field.json_schema_extra["restart"]  # type: ignore[call-overload,index]
    }


@pytest.mark.parametrize("name", ["tests.toml"])
def test_the_other_configurations_load_and_take_ports_of_their_own(name):
    settings = load(CONFIG / name, {})

    assert (settings.receiver.listen.port, settings.monitoring.listen.port) == (0, 0)


# --- values -------------------------------------------------------------------------------------------


def test_units_become_seconds_bytes_addresses_and_times(written):
    settings = load(
        written(
            '[push]\nevery = "1500ms"\n[pull]\noverlap = "15min"\nreread_open = "2h"\n'
            '[tidy]\nat = "23:59"\nkeep_runs = "7d"\n'
            '[receiver]\nlisten = "[::1]:8470"\nmax_body = "2MiB"\n'
            '[network]\nallow = ["10.0.0.5:8443", "billing.lan:443"]\n'
        ),
        {},
    )

    assert (settings.push.every, settings.pull.overlap, settings.pull.reread_open) == (1.5, 900, 7200)
    assert (settings.tidy.at, settings.tidy.keep_runs) == (time(23, 59), 604_800)
    assert (settings.receiver.listen, settings.receiver.max_body) == (Address("::1", 8470), 2 * 1024 * 1024)
    assert str(settings.receiver.listen) == "[::1]:8470"
    assert settings.network.allow == (Address("10.0.0.5", 8443), Address("billing.lan", 443))


def test_the_environment_goes_above_the_file_and_reads_each_type(written):
    settings = load(
        written('[push]\nevery = "10s"\nmax_tries = 3\n'),
        {
            "WISPBILL_PUSH__EVERY": "2min",
            "WISPBILL_PUSH__ENABLED": "false",
            "WISPBILL_DAEMON__WORKERS": "3",
            "WISPBILL_DAEMON__LOG_LEVEL": "debug",
            "WISPBILL_BRAKE__SHARE": "0.5",
            "WISPBILL_NETWORK__ALLOW": '["10.0.0.5:8443"]',
            "WISPBILL_PROVIDERS__XERO__CALLS_PER_SECOND": "2",
            "WISPBILL_CONFIG": "not a setting",
            "PUSH": "nor this",
        },
    )

    assert (settings.push.every, settings.push.max_tries, settings.push.enabled) == (120, 3, False)
    assert (settings.daemon.workers, settings.daemon.log_level) == (3, "debug")
    assert (settings.brake.share, settings.network.allow) == (0.5, (Address("10.0.0.5", 8443),))
    assert settings.provider("xero").calls_per_second == 2
    assert settings.provider("square").calls_per_second == 0


def test_systemds_state_folder_stands_below_the_file_and_its_first_entry_counts(written):
    environ = {"STATE_DIRECTORY": "/var/lib/one:/var/lib/two"}
    named = written('[daemon]\nstate_dir = "/srv/wispbill"\n')

    assert load(None, environ).daemon.state_dir == Path("/var/lib/one")
    assert load(named, environ).daemon.state_dir == Path("/srv/wispbill")
    assert load(named, environ | {"WISPBILL_DAEMON__STATE_DIR": "/x"}).daemon.state_dir == Path("/x")


def test_what_is_left_empty_follows_the_state_folder_and_the_workers():
    settings = load(None, {"WISPBILL_DAEMON__STATE_DIR": "/srv/w", "WISPBILL_DAEMON__WORKERS": "5"})

    assert settings.database_url() == "sqlite:///srv/w/wispbill.db"
    assert settings.database_pool() == 5 * (1 + 8) + 8 + 6
    assert (settings.runtime_dir(), settings.backup_dir()) == (Path("/srv/w"), Path("/srv/w/backups"))


def test_settings_made_by_hand_do_not_read_the_process_environment(monkeypatch):
    monkeypatch.setenv("PUSH", '{"every": "1s"}')
    monkeypatch.setenv("WISPBILL_PUSH__EVERY", "1s")

    assert Settings() == load(None, {})


def test_settings_are_frozen():
    settings = load(None, {})
    with pytest.raises(ValueError, match="frozen"):
        settings.push.every = 1.0  # type: ignore[misc]
    with pytest.raises(ValueError, match="frozen"):
        settings.push = settings.push  # type: ignore[misc]


# --- secrets ------------------------------------------------------------------------------------------

NAMES = {"oidc.client_id", "oidc.claim", "oidc.tenant"}
"""Somebody else's names, which may be any text."""

KEYS = sorted(every_key().keys() - NAMES)


@given(key=st.sampled_from(KEYS), quoted=st.booleans())
def test_a_secret_put_in_the_place_of_any_value_is_in_no_error_and_no_repr(key, quoted, tmp_path_factory):
    section, name = key.rsplit(".", 1)
    path = tmp_path_factory.mktemp("canary") / "wispbill.toml"
    path.write_text(f'[{section}]\n{name} = "{CANARY}"\n' if quoted else f"[{section}]\n{name} = {CANARY}\n")

    for problem in refused(path):
        assert problem.startswith(f"{path}, line 2: ")
        assert CANARY not in problem


def test_the_error_keeps_no_trace_of_what_was_wrong(written):
    path = written(f'[receiver]\nlisten = "{CANARY}"')
    with pytest.raises(ConfigError) as caught:
        load(path, {})

    error: BaseException | None = caught.value
    while error is not None:
        assert CANARY not in repr(error) + str(error)
        error = error.__cause__ or error.__context__


def test_a_secret_that_stands_as_a_key_is_masked(written):
    assert CANARY not in "".join(refused(written(f'[providers.stripe]\nsk_live_{CANARY} = "x"')))


def test_the_database_url_is_shown_to_nobody():
    settings = load(None, {"WISPBILL_DATABASE__URL": f"postgresql://u:{CANARY}@h/x"})

    assert CANARY in settings.database_url()
    assert CANARY not in repr(settings) + str(settings) + settings.model_dump_json()


# --- changes while it runs ----------------------------------------------------------------------------


def test_a_change_that_needs_a_restart_is_named_and_others_are_not():
    old = load(None, {"WISPBILL_PROVIDERS__STRIPE__RATE_SHARE": "0.5"})
    new = load(
        None,
        {
            "WISPBILL_RECEIVER__LISTEN": "127.0.0.1:9000",
            "WISPBILL_DAEMON__WORKERS": "2",
            "WISPBILL_DAEMON__LOG_LEVEL": "debug",
            "WISPBILL_PUSH__MAX_TRIES": "5",
        },
    )

    assert needs_restart(old, new) == ["daemon.workers", "providers.stripe.rate_share", "receiver.listen"]
    assert needs_restart(new, new) == []


def test_every_key_says_whether_it_needs_a_restart():
    models: list[type[BaseModel]] = list(sections().values())
    for model in models:
        for name, field in model.model_fields.items():
            assert set(field.json_schema_extra) == {"restart"}, name  # type: ignore[arg-type]
