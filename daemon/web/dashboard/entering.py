"""Signing in with a password and out again; one's own account."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from pydantic import SecretStr

from daemon.errors import InvalidInput, NotFound
from daemon.store import sessions, staff
from daemon.store.staff import Staff
from daemon.store.tokens import Role
from daemon.vault import passwords
from daemon.web.api.pace import TooFast
from daemon.web.dashboard.addresses import ACCOUNT, OIDC, ROOT, SIGN_IN
from daemon.web.dashboard.oidc import Oidc
from daemon.web.dashboard.roles import READERS
from daemon.web.dashboard.throttle import Throttle
from daemon.web.dashboard.within import home_of, who
from daemon.web.pages import ANYBODY, Answer, Go, Page, View, Visit
from daemon.web.pages.answers import own_path

WRONG = "The e-mail address and the password do not belong together."
MOST_EMAIL = 254
PATIENCE_S = 0.5
_AT_ONCE, _AT_ISSUER = threading.BoundedSemaphore(2), threading.BoundedSemaphore(2)

log = structlog.get_logger()


@contextmanager
def one_of_few(seats: threading.BoundedSemaphore = _AT_ONCE) -> Iterator[None]:
    """Around what takes its time, by design or because the issuer does: whoever floods us must not take the
    threads that webhooks are served by. Raises TooFast where others wait already."""
    if not seats.acquire(timeout=PATIENCE_S):
        raise TooFast(2, "many are signing in at this moment")
    try:
        yield
    finally:
        seats.release()


class Door:
    """The pages of signing in, with what they remember of who tries."""

    def __init__(self, throttle: Throttle, oidc: Oidc) -> None:
        self._throttle = throttle
        self._oidc = oidc

    def pages(self) -> tuple[Page, ...]:
        return (
            Page("GET", SIGN_IN, self.form, ANYBODY),
            Page("POST", SIGN_IN, self.sign_in, ANYBODY),
            Page("GET", f"{OIDC}/start", self.to_issuer, ANYBODY),
            Page("GET", OIDC, self.from_issuer, ANYBODY),
            Page("POST", f"{ROOT}/sign-out", sign_out, READERS),
            Page("GET", ACCOUNT, account, READERS),
            Page("POST", f"{ACCOUNT}/password", self.change_password, READERS),
            Page("POST", f"{ACCOUNT}/sessions/{{sessionId}}/end", end, READERS),
        )

    def form(self, visit: Visit) -> Answer:
        if visit.session is not None:
            return Go(home_of(visit))
        return self._shown(visit, visit.query.get("next"))

    def sign_in(self, visit: Visit) -> Answer:
        email, following = visit.form.get("email")[:MOST_EMAIL], visit.form.get("next")
        row = staff.find(email)
        known = row is not None and row.knows(visit.client)
        wait_s = self._throttle.take(email, visit.client, known=known)
        if wait_s:
            log.warning("dashboard.sign_in_throttled", client=visit.client, staff=row.id if row else None)
            wrong = f"Too many tries. Please wait {wait_s} seconds, then try again."
            return self._shown(visit, following, email=email, wrong=wrong, status=429)
        there = row if row is not None and row.disabled_at is None else None
        with one_of_few():
            given = SecretStr(visit.form.raw("password"))
            fits = passwords.fits(given, there.password if there is not None else None)
        if there is None or not fits or not begin(visit, there, how="password"):
            log.warning("dashboard.sign_in_refused", client=visit.client, staff=row.id if row else None)
            return self._shown(visit, following, email=email, wrong=WRONG, status=403)
        return Go(within_here(following))

    def to_issuer(self, visit: Visit) -> Answer:
        """A link, not a form: browsers hold a form's redirects to the policy that forms go nowhere else."""
        self._take_turn(visit)
        with one_of_few(_AT_ISSUER):
            return self._oidc.begin(visit, within_here(visit.query.get("next")))

    def from_issuer(self, visit: Visit) -> Answer:
        """Who comes back is as suspect as who types a password."""
        self._take_turn(visit)
        with one_of_few(_AT_ISSUER):
            row, following = self._oidc.back(visit)
        if not begin(visit, row, how="oidc"):
            raise InvalidInput("WB-ACCESS-OIDC", "something changed under way; please try again")
        return Go(within_here(following))

    def _take_turn(self, visit: Visit) -> None:
        wait_s = self._throttle.take_address(visit.client)
        if wait_s:
            raise TooFast(wait_s, "too many tries to sign in")

    def change_password(self, visit: Visit) -> Answer:
        """One's own; every session ends, and this browser gets a new one."""
        row = who(visit)
        wait_s = self._throttle.take(row.email, visit.client, known=True)
        if wait_s:
            raise TooFast(wait_s, "too many tries to change it")
        with one_of_few():
            fits = passwords.fits(SecretStr(visit.form.raw("old")), row.password)
        if not fits:
            return _account(visit, row, "The password that you have now is another one.")
        new = SecretStr(visit.form.raw("new"))
        try:
            passwords.check(new, beside=row.email)
        except InvalidInput as error:
            return _account(visit, row, error.message)
        phc = passwords.hashed(new, visit.house.entropy)

        def work() -> None:
            changed = staff.set_password(row, phc, actor=row.actor, now=visit.now)
            _sign_in(visit, changed)

        visit.write("password", work)
        visit.say("good", "Your password is changed. Every other browser is signed out.")
        return Go(ACCOUNT)

    def _shown(
        self, visit: Visit, following: str, *, email: str = "", wrong: str = "", status: int = 200
    ) -> View:
        shown = {
            "title": "Sign in",
            "email": email,
            "wrong": wrong,
            "next": within_here(following),
            "oidc": self._oidc.is_wanted(visit.house.settings),
            "nobody": not staff.count(),
        }
        return View("dashboard/sign_in.html", shown, status)


def begin(visit: Visit, row: Staff, *, how: str) -> bool:
    """A new session for them; False where they changed while we looked."""

    def work() -> bool:
        there = staff.by_id(row.id)
        if there is None or there.epoch != row.epoch or there.disabled_at is not None:
            return False
        _sign_in(visit, row)
        staff.signed_in(row, visit.client, how=how, now=visit.now)
        return True

    return visit.write("sign_in", work)


def _sign_in(visit: Visit, row: Staff) -> None:
    visit.sign_in(tenant_id=row.tenant_id, role=Role(row.role), user_id=row.id, epoch=row.epoch)


def within_here(path: str) -> str:
    """Where somebody wanted to go, if that is a page of the dashboard; else its beginning."""
    found = own_path(path, ROOT)
    plain = found.partition("?")[0]
    mine = plain == ROOT or plain.startswith(f"{ROOT}/")
    return found if mine and not plain.startswith(SIGN_IN) and ".." not in plain else ROOT


def sign_out(visit: Visit) -> Answer:
    visit.sign_out()
    return View("dashboard/bye.html", {"title": "Signed out"})


def stranger(visit: Visit) -> Answer:
    """Who has no session, or had one: to the form, and then where they wanted to go."""
    return Go(f"{SIGN_IN}?next={visit.url}" if visit.url not in (ROOT, f"{ROOT}/sign-out") else SIGN_IN)


def account(visit: Visit) -> Answer:
    return _account(visit, who(visit))


def _account(visit: Visit, row: Staff, wrong: str = "") -> View:
    there = sessions.listing(row.tenant_id, sessions.DASHBOARD, user_id=row.id, now=visit.now)
    shown = {"title": "Your account", "staff": row, "sessions": there, "wrong": wrong}
    return View("dashboard/account.html", shown, 400 if wrong else 200)


def end(visit: Visit) -> Answer:
    """One of one's own sessions; raises NotFound for another's."""
    row = sessions.get(visit.path["sessionId"])
    if row.face != sessions.DASHBOARD or row.user_id != visit.me.user_id:
        raise NotFound("session", row.id)
    if row.id == visit.me.id:
        return sign_out(visit)
    visit.write("sessions.end", lambda: sessions.end(row, actor=who(visit).actor, now=visit.now))
    visit.say("good", "That browser is signed out.")
    return Go(ACCOUNT)
