"""The company behind a consent: the connection test. It reads six times and changes nothing."""

from __future__ import annotations

from daemon.errors import Missing
from daemon.model import AccountInfo, Document, Mode
from daemon.providers.quickbooks.api import Api, entity_in, quoted
from daemon.providers.quickbooks.setup import US_CODES, QuickBooksSettings
from daemon.providers.quickbooks.shapes import part, rows, value_of
from daemon.providers.quickbooks.words import LAPSED

_SHOWN = 10
_SELLABLE = ("Service", "NonInventory", "Inventory")


def check(api: Api, realm: str, mode: Mode, settings: QuickBooksSettings) -> AccountInfo:
    """Names the company and each thing that invoices need and it has not got. Raises Unauthorised."""
    info = entity_in(
        {"CompanyInfo": {"Id": realm, **_part(api, f"companyinfo/{realm}", "CompanyInfo")}}, "CompanyInfo"
    )
    prefs = _part(api, "preferences", "Preferences")
    missing = [
        *_subscription(info),
        *_numbering(prefs, settings),
        *_item(api, settings),
        *_tax(api, prefs, info, settings),
        *_term(api, settings),
    ]
    currencies, faults = _currencies(api, prefs, settings)
    return AccountInfo(
        account_id=realm,
        name=str(info.get("CompanyName") or info.get("LegalName") or realm),
        mode=mode,
        country=info.get("Country") if isinstance(info.get("Country"), str) else None,
        currencies=currencies,
        missing=(*missing, *faults),
        notes=_notes(prefs),
    )


def _part(api: Api, path: str, name: str) -> Document:
    document = api.read(path).get(name)
    return document if isinstance(document, dict) else {}


def _subscription(info: Document) -> list[str]:
    """Its place is not certain: the company's own field, or one of its named values."""
    values = rows(info, "NameValue")
    named = [row.get("Value") for row in values if row.get("Name") == "SubscriptionStatus"]
    for state in (info.get("SubscriptionStatus"), *named):
        if isinstance(state, str) and state.upper() in LAPSED:
            return [f"Subscription: it is {state.upper()}, and the company read only"]
    return []


def _numbering(prefs: Document, settings: QuickBooksSettings) -> list[str]:
    custom = part(prefs, "SalesFormsPrefs").get("CustomTxnNumbers")
    if settings.numbering == "ours" and custom is False:
        return [
            "Custom transaction numbers: turn them on (Account and settings, Sales), or set numbering to "
            "quickbooks"
        ]
    return []


def _item(api: Api, settings: QuickBooksSettings) -> list[str]:
    if not settings.item:
        items = api.query("Item", "where Active = true", most=100)
        choice = [f"{row['Id']} {row.get('Name')}" for row in items if row.get("Type") in _SELLABLE][:_SHOWN]
        return [f"Product or service: choose one of {', '.join(choice) or 'none: create a service first'}"]
    found = api.query("Item", f"where Id = {quoted([settings.item])} and Active in (true, false)")
    if not found:
        return [f"Product or service: there is no item {settings.item}"]
    row = found[0]
    if row.get("Active") is False:
        return [f"Product or service: the item {settings.item} is inactive"]
    if row.get("Type") not in _SELLABLE:
        return [f"Product or service: the item {settings.item} is a {row.get('Type')}, not a service"]
    if not value_of(row.get("IncomeAccountRef")):
        return [f"Income account: the item {settings.item} has none"]
    return []


def _tax(api: Api, prefs: Document, info: Document, settings: QuickBooksSettings) -> list[str]:
    codes = {*settings.tax_codes.values(), settings.untaxed_code, settings.us_tax_code} - {""}
    taxed = part(prefs, "TaxPrefs").get("UsingSalesTax") is True
    if codes and not taxed:
        return ["Sales tax: it is not set up in QuickBooks, and the settings name tax codes"]
    if taxed and not codes and info.get("Country") not in ("US", "USA", None):
        return ["Tax codes: each line needs one; set a code of lines without tax"]
    ids = sorted(codes - US_CODES)
    if not ids:
        return []
    rows = api.query("TaxCode", f"where Id in ({quoted(ids)}) and Active = true")
    return [
        f"Tax code: there is no active code {ref}" for ref in ids if ref not in {row["Id"] for row in rows}
    ]


def _term(api: Api, settings: QuickBooksSettings) -> list[str]:
    if not settings.term:
        return []
    found = api.query("Term", f"where Id = {quoted([settings.term])}")
    return [] if found else [f"Terms: there are no active terms {settings.term}"]


def _currencies(api: Api, prefs: Document, settings: QuickBooksSettings) -> tuple[tuple[str, ...], list[str]]:
    chosen = part(prefs, "CurrencyPrefs")
    home, several = value_of(chosen.get("HomeCurrency")), chosen.get("MultiCurrencyEnabled") is True
    faults = []
    if home is not None and home != settings.home_currency:
        faults.append(f"Home currency: it is {home}, the settings say {settings.home_currency}")
    if several != settings.multicurrency:
        faults.append(f"Multicurrency: it is {'on' if several else 'off'} in QuickBooks, not in the settings")
    found = [home] if home else []
    if several:
        try:
            rows = api.query("CompanyCurrency", "where Active = true")
        except Missing:
            rows = []
        found += [str(row["Code"]) for row in rows if row.get("Code") and row["Code"] != home]
    return tuple(found), faults


def _notes(prefs: Document) -> tuple[str, ...]:
    notes = ["Writing was not tried: a test creates nothing."]
    if part(prefs, "TaxPrefs").get("PartnerTaxEnabled"):
        notes.append(
            "Automated sales tax is on: QuickBooks reckons the tax, and an invoice on which it reckons "
            "otherwise than you is not sent."
        )
    forms = part(prefs, "SalesFormsPrefs")
    if forms.get("AutoApplyCredit") or forms.get("AutoApplyPayments"):
        notes.append("Credits are applied by themselves: a fresh invoice may be paid at once.")
    closed = part(prefs, "AccountingInfoPrefs").get("BookCloseDate")
    if closed:
        notes.append(f"The books are closed until {closed}.")
    return tuple(notes)
