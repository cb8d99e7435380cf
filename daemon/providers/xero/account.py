"""The organisation behind a token: the connection test. It changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from daemon.errors import InvalidInput, Unauthorised
from daemon.model import AccountInfo, Document, Mode
from daemon.providers.xero.api import Api, rows
from daemon.providers.xero.numbers import day
from daemon.providers.xero.setup import XeroCredentials, XeroSettings
from daemon.providers.xero.words import is_guid

_SCOPES = {
    "Invoices": "accounting.invoices",
    "Contacts": "accounting.contacts",
    "Payments": "accounting.payments",
}
_RIGHTS = ("CreateDraftInvoice", "CreateApprovedInvoice")
_SETTINGS = "accounting.settings.read"


class Check:
    def __init__(self, api: Api, given: XeroCredentials, settings: XeroSettings, mode: Mode) -> None:
        self._api, self._given, self._settings, self._mode = api, given, settings, mode
        self._missing: list[str] = []
        self._notes: list[str] = []
        self._refused: Unauthorised | None = None
        self._allowed = 0

    def __call__(self) -> AccountInfo:
        """Raises Unauthorised where nothing at all may be read: the token is refused, or the organisation
        is disconnected, or its trial has ended. Raises InvalidInput (WB-CREDENTIALS-MODE) where a real
        organisation is connected as a sandbox."""
        company = self._organisation()
        for path, scope in _SCOPES.items():
            self._try(scope, partial(self._api.get, path, page="1", pageSize="1"))
        if self._refused is not None and not self._allowed:
            raise self._refused
        currencies: tuple[str, ...] = ()
        if company:
            self._look_at(company)
            self._rights()
            self._books()
            currencies = self._currencies(company)
        return AccountInfo(
            account_id=self._account_id(company),
            name=str(company.get("Name") or ""),
            mode=self._mode,
            country=company.get("CountryCode"),
            currencies=currencies,
            missing=tuple(self._missing),
            notes=tuple(self._notes),
        )

    # --- scopes ---------------------------------------------------------------------------------------

    def _try(self, scope: str, call: Callable[[], Document]) -> Document | None:
        """The answer; None, and a missing scope, where it is refused."""
        try:
            answer = call()
        except Unauthorised as error:
            self._refused = self._refused or error
            self._missing.append(f"scope {scope}")
            return None
        self._allowed += 1
        return answer

    def _organisation(self) -> Document:
        answer = self._try(_SETTINGS, lambda: self._api.get("Organisation"))
        found = rows(answer, "Organisations") if answer else []
        return found[0] if found else {}

    def _account_id(self, company: Document) -> str:
        """The tenant id; a custom connection has one, although it need not be sent."""
        if self._given.tenant_id:
            return self._given.tenant_id
        ids = [row.get("tenantId") for row in self._api.connections()]
        known = [ref for ref in ids if is_guid(ref)]
        return str(known[0] if len(known) == 1 else company.get("OrganisationID") or "").lower()

    # --- the organisation -----------------------------------------------------------------------------

    def _look_at(self, company: Document) -> None:
        if self._mode is Mode.SANDBOX and company.get("IsDemoCompany") is not True:
            raise InvalidInput(
                "WB-CREDENTIALS-MODE",
                "Xero has no sandbox but its Demo Company, and this is a real organisation",
                field="mode",
            )
        if company.get("IsDemoCompany") is True and self._settings.send_email:
            self._missing.append("e-mail: the Demo Company sends none; switch send_email off")
        if company.get("OrganisationStatus") not in ("ACTIVE", None):
            self._missing.append(f"an active organisation: it is {company.get('OrganisationStatus')}")
        if company.get("Edition") == "PARTNER":
            self._missing.append("an edition with invoicing")
        if company.get("ShortCode"):
            self._notes.append(f"Its short code is {company['ShortCode']}.")
        locked = [on for name in ("PeriodLockDate", "EndOfYearLockDate") if (on := day(company, name))]
        if locked:
            self._notes.append(f"Its books are closed up to {max(locked)}; earlier invoices are refused.")

    def _rights(self) -> None:
        """Of the user who consented; what Xero does not list is not held against it."""
        listed = self._api.get("Organisation", "Actions")
        for row in rows(listed, "Actions"):
            if row.get("Name") in _RIGHTS and row.get("Status") != "ALLOWED":
                self._missing.append(f"right {row['Name']}")

    def _currencies(self, company: Document) -> tuple[str, ...]:
        codes = [row.get("Code") for row in rows(self._api.get("Currencies"), "Currencies")]
        known = [code for code in (company.get("BaseCurrency"), *codes) if isinstance(code, str)]
        return tuple(dict.fromkeys(known))

    # --- what the settings name -----------------------------------------------------------------------

    def _books(self) -> None:
        accounts = {
            str(row.get("Code")): row
            for row in rows(self._api.get("Accounts", where='Status=="ACTIVE"'), "Accounts")
        }
        self._sales_account(accounts)
        self._payment_account(accounts)
        self._tax_types()
        theme = self._settings.branding_theme
        if theme:
            themes = rows(self._api.get("BrandingThemes"), "BrandingThemes")
            if theme not in {str(row.get("BrandingThemeID")).lower() for row in themes}:
                self._missing.append(f"branding theme {theme}")

    def _sales_account(self, accounts: dict[str, Document]) -> None:
        code = self._settings.account_code
        if not code:
            sales = sorted(c for c, row in accounts.items() if row.get("Class") == "REVENUE")
            self._missing.append(f"setting account_code; revenue accounts there: {', '.join(sales[:10])}")
        elif code not in accounts:
            self._missing.append(f"account {code}")
        elif accounts[code].get("Class") != "REVENUE" or accounts[code].get("SystemAccount"):
            self._missing.append(f"account {code} as a revenue account")

    def _payment_account(self, accounts: dict[str, Document]) -> None:
        code = self._settings.payment_account
        row = accounts.get(code, {})
        if code and not (row.get("Type") == "BANK" or row.get("EnablePaymentsToAccount") is True):
            self._missing.append(f"payments enabled for account {code}")

    def _tax_types(self) -> None:
        listed = rows(self._api.get("TaxRates"), "TaxRates")
        fit = {
            row.get("TaxType")
            for row in listed
            if row.get("Status") == "ACTIVE" and row.get("CanApplyToRevenue") is not False
        }
        wanted = {"lines without tax": self._settings.no_tax_type, **self._settings.tax_types}
        for name, tax_type in wanted.items():
            if tax_type not in fit:
                self._missing.append(f"tax type {tax_type} (for {name})")
