"""What every provider promises, written once: subclass ProviderContract, give it a bench, run pytest.

    class TestAcme(ProviderContract):
        @pytest.fixture
        def bench(self) -> Bench:
            return AcmeBench()

It ships so that adapters of other packages (entry-point group `wispbill.providers`) can be held to the
same promises; pytest is needed only here.
"""

from daemon.providers.contract.acting import AccountPromises, HintPromises, VerbPromises
from daemon.providers.contract.bench import Bench
from daemon.providers.contract.faults import FAULTS, FaultPromises
from daemon.providers.contract.journal import PlainJournal, PlainJournals
from daemon.providers.contract.payers import PayerPromises
from daemon.providers.contract.pushing import PushPromises
from daemon.providers.contract.reading import FeedPromises, ReadPromises


class ProviderContract(
    PushPromises,
    ReadPromises,
    FeedPromises,
    PayerPromises,
    VerbPromises,
    HintPromises,
    AccountPromises,
    FaultPromises,
):
    """Subclass it, and give it a fixture `bench`."""


__all__ = ["FAULTS", "Bench", "PlainJournal", "PlainJournals", "ProviderContract"]
