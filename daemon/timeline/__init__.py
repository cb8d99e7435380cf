"""The story of an invoice, told once for every face: what happened, who did it, and what proves it."""

from daemon.timeline.entries import Entry, Proof, ProofKind
from daemon.timeline.following import next_step
from daemon.timeline.telling import timeline

__all__ = ["Entry", "Proof", "ProofKind", "next_step", "timeline"]
