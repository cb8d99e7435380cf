"""Stateful doubles of the providers, for the demo, the tests and the simulation.

A double answers with its provider's documented shapes and rules, never more kindly than the provider,
and no adapter knows that it exists. `Clock` and `Entropy` are injected, so the same calls give the same
bytes.
"""
