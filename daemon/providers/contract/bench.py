"""What a contract test needs of an adapter: a double of its provider, and the hands of the people there."""

from __future__ import annotations

from abc import ABC, abstractmethod

from daemon.errors import Unsupported
from daemon.model import Delivery
from daemon.money import Money
from daemon.providers.base import Provider


class Bench(ABC):
    """One account at a double of the provider, without customers or invoices at first."""

    currency = "USD"
    secrets: tuple[str, ...] = ()
    """What must never be seen in an error or a repr."""

    @abstractmethod
    def adapter(self) -> Provider:
        """A new adapter to the same account, as after a crash."""

    @abstractmethod
    def lose_answer(self, *, after: int) -> None:
        """The write after `after` more writes lands; its answer is lost."""

    @abstractmethod
    def lose_request(self, *, after: int) -> None:
        """The write after `after` more writes never arrives, and nobody answers."""

    @abstractmethod
    def refuse_credentials(self) -> None: ...

    @abstractmethod
    def throttle(self) -> None: ...

    @abstractmethod
    def live(self, reference: str) -> int:
        """How many invoices with our reference stand there, not void and not deleted."""

    @abstractmethod
    def sent(self, ref: str) -> int:
        """How often this invoice was sent to its payer."""

    @abstractmethod
    def payers(self) -> int:
        """How many customers the account has."""

    @abstractmethod
    def pay(self, ref: str, amount: Money) -> None: ...

    @abstractmethod
    def void(self, ref: str) -> None: ...

    @abstractmethod
    def pass_time(self, seconds: float) -> None:
        """Time passes at the provider."""

    heals = False
    """Whether the adapter overcomes a single failed request by itself (a second try of a read)."""

    def spoil(self, fault: str, *, after: int) -> None:
        """The request after `after` more requests meets this one of `contract.faults.FAULTS`
        (`sandbox.transport.SpoilingTransport` does so)."""
        raise Unsupported

    def unspoil(self) -> None:  # noqa: B027 - a bench that spoils nothing has nothing to take back
        """What was to be spoilt and was not, is not any more."""

    @property
    def spoilt(self) -> bool:
        """Whether the fault that was ordered has happened."""
        raise Unsupported

    def refund(self, ref: str, amount: Money) -> None:
        raise Unsupported

    def dispute(self, ref: str) -> None:
        raise Unsupported

    def lose_dispute(self, ref: str) -> None:
        raise Unsupported

    def enrol(self, name: str, *, email: str = "", phone: str = "", reference: str = "") -> str:
        """A customer that somebody else made there, with what they wrote; its ref. `reference` stands where
        another system writes its own name."""
        raise Unsupported

    def retire(self, payer: str) -> None:
        """A customer is deleted, or archived where none is ever deleted."""
        raise Unsupported

    def merge(self, payer: str, into: str) -> None:
        """A customer is merged into another, in the provider's own pages."""
        raise Unsupported

    def delivery(self, ref: str) -> Delivery:
        """The signed webhook of the last change to this invoice."""
        raise Unsupported
