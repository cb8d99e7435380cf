"""The exceptions: what can go wrong, as types."""

from __future__ import annotations


class WispbillError(Exception):
    """Something went wrong."""

    code = "WB-INTERNAL"

    def __init__(self, message: str | None = None) -> None:
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        super().__init__(self.message)


class InvalidInput(WispbillError):
    """What was given cannot be accepted; nothing was changed."""

    def __init__(self, code: str, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.field = field


class NotFound(InvalidInput):
    """There is no such thing here."""

    def __init__(self, what: str, name: str) -> None:
        super().__init__("WB-NOT-FOUND", f"there is no {what} {name[:80]!r} here")


class ConfigError(WispbillError):
    """The configuration cannot be used; nothing was started."""

    code = "WB-CONFIG"


class StoreError(WispbillError):
    """The database cannot be used right now; nothing was changed."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class VaultError(WispbillError):
    """A sealed secret does not open with the keys at hand."""

    code = "WB-VAULT-SEALED"


class KeyAbsent(VaultError):
    """A secret is sealed under a master key that is not at hand."""

    code = "WB-VAULT-KEY-ABSENT"


class HintRejected(WispbillError):
    """The delivery's signature does not prove who sent it."""

    code = "WB-HINT-SIGNATURE"


class HintNotReady(WispbillError):
    """What is needed to verify this delivery is not here yet; the provider sends it again.

    `wants` is the address of the certificate that must be fetched first."""

    code = "WB-HINT-NOT-READY"

    def __init__(self, message: str | None = None, *, wants: str | None = None) -> None:
        super().__init__(message)
        self.wants = wants


class BrakeApplied(WispbillError):
    """Too much would have changed at once; held until a person looks."""

    code = "WB-BRAKE"


class LeaseLost(WispbillError):
    """Another daemon took over this integration; nothing more is written by this one."""

    code = "WB-LEASE-LOST"


class Stopping(WispbillError):
    """The daemon is stopping; the work goes on at the next start."""

    code = "WB-STOPPING"


class Unsupported(WispbillError):
    """This provider cannot do that."""

    code = "WB-UNSUPPORTED"


class CursorLost(WispbillError):
    """The provider no longer knows where we stopped reading; everything open is read again."""

    code = "WB-CURSOR-LOST"


class PayerUndecided(WispbillError):
    """Who this customer is at the provider must be decided first; nothing was sent."""

    code = "WB-PAYER-UNDECIDED"

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class StepStuck(WispbillError):
    """This step cannot go on without a person."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class NotYet(WispbillError):
    """It is too early to know whether the last try landed; asked again at `retry_after` seconds."""

    code = "WB-PUSH-UNCONFIRMED"

    def __init__(self, retry_after: float, message: str | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RemoteError(WispbillError):
    """A provider's answer, or its silence.

    `party` is the provider's name, `ref` the provider's request id where it gave one, `status_code`
    the HTTP status where there was one, `provider_code` the provider's own machine-readable word.
    """

    def __init__(
        self,
        message: str | None = None,
        *,
        party: str = "",
        ref: str | None = None,
        status_code: int | None = None,
        provider_code: str | None = None,
        retry_after: float | None = None,
        param: str | None = None,
        replayed: bool = False,
    ) -> None:
        super().__init__(message)
        self.party = party
        self.ref = ref
        self.status_code = status_code
        self.provider_code = provider_code
        self.retry_after = retry_after
        self.param = param
        self.replayed = replayed


class Unreachable(RemoteError):
    """The provider could not be reached; nothing was sent."""

    code = "WB-REMOTE-UNREACHABLE"


class AddressRefused(Unreachable):
    """The address is not allowed; nothing was sent."""

    code = "WB-ADDRESS"


class OutcomeUnknown(RemoteError):
    """The provider did not answer in time; the request may have landed."""

    code = "WB-REMOTE-UNKNOWN"


class Throttled(RemoteError):
    """The provider asked us to slow down; nothing was done."""

    code = "WB-REMOTE-THROTTLED"


class Rationed(Throttled):
    """What is left of the rate budget is kept for other calls than these; nothing was sent."""

    code = "WB-BUDGET-RATIONED"


class Rejected(RemoteError):
    """The provider understood the request and refused it."""

    code = "WB-REMOTE-REJECTED"


class Missing(Rejected):
    """The provider does not know this object."""

    code = "WB-REMOTE-MISSING"


class Unauthorised(RemoteError):
    """The provider no longer accepts our credentials."""

    code = "WB-REMOTE-UNAUTHORISED"


class GrantDead(Unauthorised):
    """The consent is worth nothing any more; the account's owner must connect it again."""

    code = "WB-GRANT-DEAD"


class AppRefused(Unauthorised):
    """The provider does not accept the client secret of our app."""

    code = "WB-APP-REFUSED"


class Garbled(RemoteError):
    """The provider's answer is not what its documentation promises; nothing was changed."""

    code = "WB-REMOTE-GARBLED"
