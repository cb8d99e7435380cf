"""A provider in memory, under the same contract as the real ones; jobs are tested against it.

`MemoryAccount` is the other side: what happens there (`pays`, `refunds`, `voids` …) and what goes wrong
on the way (`lands_but_times_out`, `times_out`, `throttles` …). Keys make repeats safe for an hour of the
account's own time.
"""

from daemon.providers.memory.account import MemoryAccount, Paper
from daemon.providers.memory.adapter import Memory, MemoryCredentials

__all__ = ["Memory", "MemoryAccount", "MemoryCredentials", "Paper"]
