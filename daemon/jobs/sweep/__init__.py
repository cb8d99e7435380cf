"""Sweep: is everything at the provider as it is here? Compared every night, and whenever somebody asks."""

from daemon.jobs.sweep.running import compare, due_for_sweep, sweep

__all__ = ["compare", "due_for_sweep", "sweep"]
