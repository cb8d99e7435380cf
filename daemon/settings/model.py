"""The configuration: every section, key and default. `config/wispbill.example.toml` explains each.

Defaults stand as they are written in TOML. A key that is read at each use can change while the daemon
runs (`live`); one that something was built from needs a restart (`fixed`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from daemon.model.dunning import DunningRules
from daemon.settings.dunning import Holidays, Hours, Steps, Tenants, check_reachable
from daemon.settings.sign_in import ClaimRoles, Domains, Issuer
from daemon.settings.units import (
    Addresses,
    BaseUrl,
    DatabaseUrl,
    Duration,
    Files,
    Folder,
    IpOrNothing,
    Listen,
    Number,
    OptionalPath,
    PublicUrl,
    Size,
    Switch,
    TimeOfDay,
    Whole,
    ZoneName,
    at_least,
    size,
)


def live(default: object, **limits: Any) -> Any:
    """A key that SIGHUP can change."""
    return Field(default, validate_default=True, json_schema_extra={"restart": False}, **limits)


def fixed(default: object, **limits: Any) -> Any:
    """A key that takes a restart."""
    return Field(default, validate_default=True, json_schema_extra={"restart": True}, **limits)


class Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, hide_input_in_errors=True, allow_inf_nan=False
    )


class DaemonSection(Section):
    state_dir: Folder = fixed("/var/lib/wispbill")
    runtime_dir: OptionalPath = fixed("")
    workers: Whole = fixed(8, ge=1, le=64)
    stop_within: Annotated[Duration, at_least("1s")] = live("60s")
    log_level: Literal["debug", "info", "warning", "error"] = live("info")
    log_format: Literal["auto", "json", "console"] = fixed("auto")
    min_free_disk: Size = live("256MiB")


class DatabaseSection(Section):
    url: DatabaseUrl = fixed("")
    pool: Whole = fixed(0, ge=0, le=200)


class VaultSection(Section):
    key_file: OptionalPath = fixed("")


class PushSection(Section):
    every: Annotated[Duration, at_least("1s")] = fixed("30s")
    enabled: Switch = fixed(True)
    concurrency: Whole = live(8, ge=1, le=64)
    give_up_after: Annotated[Duration, at_least("1h")] = live("7d")
    max_tries: Whole = live(30, ge=1, le=1000)


class PullSection(Section):
    every: Annotated[Duration, at_least("1s")] = fixed("5s")
    enabled: Switch = fixed(True)
    pace: Literal["realtime", "hourly", "daily"] = live("realtime")
    reread_open: Annotated[Duration, at_least("1h")] = live("7d")
    overlap: Annotated[Duration, at_least("1min")] = live("10min")


class BrakeSection(Section):
    share: Number = live(0.2, gt=0, le=1)
    at_least: Whole = live(10, ge=1)


class BillSection(Section):
    enabled: Switch = fixed(True)
    catch_up: Annotated[Duration, at_least("1d")] = live("92d")


class EnforceSection(Section):
    enabled: Switch = fixed(True)
    every: Annotated[Duration, at_least("1s")] = fixed("5s")
    read_within: Annotated[Duration, at_least("1min")] = live("15min")
    brake_share: Number = live(0.1, gt=0, le=1)
    brake_at_least: Whole = live(5, ge=1)


class DunningSection(Section):
    steps: Steps = live(
        (
            {"days": 3, "status": "warned"},
            {"days": 10, "status": "throttled"},
            {"days": 20, "status": "suspended"},
        )
    )
    hours: Hours = live("09:00-17:00")
    weekends: Switch = live(False)
    holidays: Holidays = live(())
    tenants: Tenants = live(())

    @model_validator(mode="after")
    def _steps_can_be_reached(self) -> DunningSection:
        for reference in ("", *(one.tenant for one in self.tenants)):
            rules = self.rules_of(reference)
            check_reachable(rules.steps, (rules.opens, rules.closes))
        return self

    def rules_of(self, reference: str) -> DunningRules:
        """The plan of the tenant of this reference."""
        own = next((one for one in self.tenants if one.tenant == reference), None)
        opens, closes = own.hours if own and own.hours else self.hours
        return DunningRules(
            steps=self.steps if own is None or own.steps is None else own.steps,
            opens=opens,
            closes=closes,
            weekends=self.weekends if own is None or own.weekends is None else own.weekends,
            holidays=self.holidays if own is None or own.holidays is None else own.holidays,
        )


class KeepaliveSection(Section):
    every: Annotated[Duration, at_least("1s")] = fixed("5min")
    enabled: Switch = fixed(True)
    test_every: Annotated[Duration, at_least("1min")] = live("1d")


class NotifySection(Section):
    every: Annotated[Duration, at_least("1s")] = fixed("5s")
    enabled: Switch = fixed(True)
    workers: Whole = fixed(4, ge=1, le=64)
    pause_after: Annotated[Duration, at_least("1h")] = live("5d")
    service_for: Annotated[Duration, at_least("1h")] = live("30d")


class AlertsSection(Section):
    every: Annotated[Duration, at_least("5s")] = fixed("1min")
    enabled: Switch = fixed(True)
    urls_file: OptionalPath = live("")
    digest: Switch = live(True)
    digest_at: TimeOfDay = live("08:00")
    digest_zone: ZoneName = live("UTC")


class SweepSection(Section):
    enabled: Switch = fixed(True)
    at: TimeOfDay = live("01:00")
    spread: Annotated[Duration, at_least("1min")] = live("2h")
    closed_for: Annotated[Duration, at_least("1d")] = live("180d")


class TidySection(Section):
    at: TimeOfDay = live("03:15")
    keep_backups: Whole = live(14, ge=1, le=1000)
    backup_dir: OptionalPath = live("")
    keep_observations: Annotated[Duration, at_least("1d")] = live("400d")
    keep_hints: Annotated[Duration, at_least("1d")] = live("35d")
    keep_runs: Annotated[Duration, at_least("1d")] = live("90d")
    keep_deliveries: Annotated[Duration, at_least("1d")] = live("35d")


class ReceiverSection(Section):
    enabled: Switch = fixed(True)
    listen: Listen = fixed("127.0.0.1:8470")
    public_url: PublicUrl = fixed("")
    trusted_proxy: IpOrNothing = fixed("")
    threads: Whole = fixed(8, ge=1, le=64)
    max_body: Annotated[Size, at_least("1KiB", size)] = fixed("256KiB")
    header_timeout: Annotated[Duration, at_least("100ms")] = fixed("5s")
    body_timeout: Annotated[Duration, at_least("100ms")] = fixed("10s")
    connections: Whole = fixed(1000, ge=10, le=100_000)
    per_address: Whole = fixed(20, ge=1)
    per_minute: Whole = fixed(600, ge=1)
    backlog: Whole = fixed(10_000, ge=1)


class ApiSection(Section):
    enabled: Switch = fixed(True)
    per_minute: Whole = fixed(600, ge=1, le=1_000_000)
    wrong_per_minute: Whole = fixed(20, ge=1, le=10_000)


class PortalSection(Section):
    enabled: Switch = fixed(True)
    link_life: Annotated[Duration, at_least("1min")] = live("15min")
    idle: Annotated[Duration, at_least("1min")] = live("30min")
    session: Annotated[Duration, at_least("5min")] = live("12h")
    per_minute: Whole = fixed(120, ge=1, le=100_000)


class DashboardSection(Section):
    enabled: Switch = fixed(True)
    idle: Annotated[Duration, at_least("1min")] = live("30min")
    session: Annotated[Duration, at_least("5min")] = live("12h")
    per_minute: Whole = fixed(300, ge=1, le=100_000)
    wrong_per_minute: Whole = fixed(5, ge=1, le=100)


class OidcSection(Section):
    issuer: Issuer = live("")
    client_id: Annotated[str, StringConstraints(max_length=200)] = live("")
    secret_file: OptionalPath = live("")
    domains: Domains = live(())
    claim: Annotated[str, StringConstraints(max_length=80)] = live("groups")
    roles: ClaimRoles = live(())
    tenant: Annotated[str, StringConstraints(max_length=80)] = live("")


class PdfSection(Section):
    paper: Literal["A4", "Letter"] = live("A4")
    fonts: Files = live(())


class MonitoringSection(Section):
    enabled: Switch = fixed(True)
    listen: Listen = fixed("127.0.0.1:8471")
    stale_after: Annotated[Duration, at_least("1min")] = live("15min")


class NetworkSection(Section):
    allow: Addresses = fixed(())


class ProviderSection(Section):
    base_url: BaseUrl = fixed("")
    calls_per_second: Number = fixed(0.0, ge=0, le=1000)
    rate_share: Number = fixed(0.8, gt=0, le=1)


ProviderName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class Settings(BaseSettings):
    """The whole configuration, frozen. Made by `load`; lengths of time are seconds, sizes are bytes."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, strict=True, hide_input_in_errors=True, validate_default=True
    )

    daemon: DaemonSection = DaemonSection()
    database: DatabaseSection = DatabaseSection()
    vault: VaultSection = VaultSection()
    push: PushSection = PushSection()
    pull: PullSection = PullSection()
    brake: BrakeSection = BrakeSection()
    bill: BillSection = BillSection()
    enforce: EnforceSection = EnforceSection()
    dunning: DunningSection = DunningSection()
    keepalive: KeepaliveSection = KeepaliveSection()
    notify: NotifySection = NotifySection()
    alerts: AlertsSection = AlertsSection()
    sweep: SweepSection = SweepSection()
    tidy: TidySection = TidySection()
    receiver: ReceiverSection = ReceiverSection()
    api: ApiSection = ApiSection()
    portal: PortalSection = PortalSection()
    dashboard: DashboardSection = DashboardSection()
    oidc: OidcSection = OidcSection()
    pdf: PdfSection = PdfSection()
    monitoring: MonitoringSection = MonitoringSection()
    network: NetworkSection = NetworkSection()
    providers: dict[ProviderName, ProviderSection] = Field(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is handed in: the process's environment is read by `load`, and there alone."""
        return (init_settings,)

    def provider(self, name: str) -> ProviderSection:
        """The section of this provider, or the defaults."""
        return self.providers.get(name) or ProviderSection()

    def database_url(self) -> str:
        """May hold a password: for the driver alone."""
        return self.database.url.get_secret_value() or f"sqlite://{self.daemon.state_dir}/wispbill.db"

    def database_pool(self) -> int:
        """Connections at most: one for each thread that may want one at the same time."""
        threads = self.daemon.workers * (1 + self.push.concurrency) + self.receiver.threads
        return self.database.pool or min(90, threads + 6)

    def runtime_dir(self) -> Path:
        return self.daemon.runtime_dir or self.daemon.state_dir

    def backup_dir(self) -> Path:
        return self.tidy.backup_dir or self.daemon.state_dir / "backups"


def needs_restart(old: Settings, new: Settings) -> list[str]:
    """The dotted keys whose change takes effect only when the daemon is started again, sorted."""
    return sorted(_fixed_changes(old, new, ""))


def with_live_keys(old: Settings, new: Settings) -> Settings:
    """`old` with what can change while the daemon runs taken from `new`."""
    sections: dict[str, Section] = {}
    for name in Settings.model_fields:
        was, now = getattr(old, name), getattr(new, name)
        if isinstance(was, Section):
            fields = type(was).model_fields.items()
            changes = {key: getattr(now, key) for key, field in fields if not _is_fixed(field)}
            sections[name] = was.model_copy(update=changes)
    return old.model_copy(update=sections)


def _is_fixed(field: FieldInfo) -> bool:
    return isinstance(field.json_schema_extra, dict) and bool(field.json_schema_extra["restart"])


def _fixed_changes(old: BaseModel, new: BaseModel, prefix: str) -> list[str]:
    found: list[str] = []
    for name, field in type(new).model_fields.items():
        was, now = getattr(old, name), getattr(new, name)
        if isinstance(now, Section):
            found += _fixed_changes(was, now, f"{name}.")
        elif isinstance(now, dict):
            for key in now.keys() | was.keys():
                pair = (was.get(key) or ProviderSection(), now.get(key) or ProviderSection())
                found += _fixed_changes(*pair, f"{name}.{key}.")
        elif was != now and _is_fixed(field):
            found.append(prefix + name)
    return found
