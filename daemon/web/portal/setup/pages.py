"""The pages of the set-up."""

from __future__ import annotations

from daemon.web.pages import Page
from daemon.web.portal.addresses import SETUP
from daemon.web.portal.roles import CUSTOMERS
from daemon.web.portal.setup import choosing, running, saving

NEW = f"{SETUP}/new/{{provider}}"

PAGES = (
    Page("GET", SETUP, running.overview, CUSTOMERS),
    Page("GET", NEW, choosing.form, CUSTOMERS),
    Page("POST", NEW, choosing.given, CUSTOMERS),
    Page("POST", f"{SETUP}/consent/{{provider}}", choosing.consent, CUSTOMERS),
    Page("GET", f"{SETUP}/check", saving.check, CUSTOMERS),
    Page("POST", f"{SETUP}/save", saving.save, CUSTOMERS),
    Page("GET", f"{SETUP}/keys", choosing.keys_form, CUSTOMERS),
    Page("POST", f"{SETUP}/keys", choosing.keys_given, CUSTOMERS),
    Page("POST", f"{SETUP}/test", running.test, CUSTOMERS),
    Page("POST", f"{SETUP}/webhook", running.register, CUSTOMERS),
    Page("POST", f"{SETUP}/webhook/test", running.prove, CUSTOMERS),
    Page("POST", f"{SETUP}/payer", running.payer, CUSTOMERS),
    Page("POST", f"{SETUP}/sync", running.sync_settings, CUSTOMERS),
    Page("GET", f"{SETUP}/settings", running.settings_form, CUSTOMERS),
    Page("POST", f"{SETUP}/settings", running.settings_given, CUSTOMERS),
    Page("POST", f"{SETUP}/pause", running.pause, CUSTOMERS),
    Page("POST", f"{SETUP}/resume", running.resume, CUSTOMERS),
    Page("GET", f"{SETUP}/remove", running.removing, CUSTOMERS),
    Page("POST", f"{SETUP}/remove", running.remove, CUSTOMERS),
)
