"""Forms made from models: whatever an adapter asks for has a field, and comes back as it was given."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from daemon import app
from daemon.clock import SystemClock
from daemon.errors import InvalidInput
from daemon.providers import names, provider_class
from daemon.sandbox.faults import Faults
from daemon.sandbox.seats import SEATED, Ground, seat
from daemon.web.pages import fields
from daemon.web.pages.fields import SHOWN_TOO, Field
from daemon.web.pages.forms import Fields
from tests.fakes import SeededEntropy


def leaves(given: list[Field]) -> Iterator[Field]:
    for one in given:
        yield from leaves(list(one.inner)) if one.kind == "group" else [one]


def sent(given: list[Field], document: dict[str, object]) -> Fields:
    """What a browser sends of a form that shows this document."""
    pairs: list[tuple[str, str]] = []
    shown = fields.texts(given, document)
    for one in leaves(given):
        value = shown.get(one.name)
        if one.kind == "check":
            pairs.append((f"{one.name}{SHOWN_TOO}", "1"))
            pairs += [(one.name, "on")] if value else []
        elif one.kind == "several":
            pairs += [(one.name, choice) for choice in value or ()]
        elif one.kind != "secret":
            pairs.append((one.name, value or ""))
    return Fields(tuple(pairs))


@pytest.mark.parametrize("provider", names())
def test_every_field_of_a_provider_has_a_place_a_title_and_a_kind(provider: str) -> None:
    kind = provider_class(provider)
    for model, prefix in ((kind.credentials, "credentials"), (kind.settings, "settings")):
        made = fields.fields_of(model, prefix)
        assert [one.name for one in made] == [f"{prefix}.{name}" for name in model.model_fields]
        assert all(one.title and one.name.startswith(prefix) for one in leaves(made))
        secret = {name for name, field in model.model_fields.items() if "SecretStr" in str(field.annotation)}
        assert {one.name.partition(".")[2] for one in made if one.kind == "secret"} == secret


@pytest.mark.parametrize("provider", SEATED)
def test_settings_come_back_as_they_were_given(provider: str) -> None:
    kind = provider_class(provider)
    given = seat(provider, Ground(SystemClock(), SeededEntropy(), Faults())).settings
    made = fields.fields_of(kind.settings, "settings")

    read = fields.read(made, sent(made, given))

    assert app.read_settings(provider, read) == app.read_settings(provider, given)


def test_nothing_is_asked_for_inside_what_is_left_out() -> None:
    made = fields.fields_of(provider_class("custom_webhook").settings, "settings")
    required = {one.name for one in leaves(made) if one.required}

    assert required == {"settings.create.url"}


def test_a_secret_is_never_put_into_a_form() -> None:
    made = fields.fields_of(provider_class("stripe").credentials, "credentials")
    form = Fields((("credentials.secret_key", "sk_test_canary"),))

    assert "canary" not in str(fields.typed(made, form)) + str(fields.texts(made, {"secret_key": "canary"}))
    assert fields.read(made, form) == {"secret_key": "sk_test_canary"}


def test_a_secret_is_taken_as_it_was_typed() -> None:
    made = fields.fields_of(provider_class("custom_webhook").credentials, "credentials")
    assert fields.read(made, Fields((("credentials.api_key", " key "),))) == {"api_key": " key "}


def test_a_box_that_is_not_ticked_says_no_and_one_that_was_not_shown_says_nothing() -> None:
    made = fields.fields_of(provider_class("xero").settings, "settings")
    shown = Fields(((f"settings.send_email{SHOWN_TOO}", "1"),))

    assert fields.read(made, shown) == {"send_email": False}
    assert fields.read(made, Fields()) == {}


@pytest.mark.parametrize(
    ("name", "text"),
    [("settings.tax_rates", "VAT 20"), ("settings.tax_rates", "= 20"), ("settings.json_schema", "{")],
)
def test_what_cannot_be_read_is_told_at_its_field(name: str, text: str) -> None:
    provider = "custom_webhook" if "schema" in name else "stripe"
    made = fields.fields_of(provider_class(provider).settings, "settings")

    with pytest.raises(InvalidInput) as told:
        fields.read(made, Fields(((name, text),)))

    assert told.value.field == name
