"""The simulation: the production code in a world where everything goes wrong, from a seed.

Clock, randomness, network and provider are injected; SQLite is real. A daemon is killed at every point
where it could die, the network loses and delays, the provider fails, webhooks lie; afterwards the world
calms down, and every promise of the house is checked against what really happened at the provider.

    python -m tests.simulation --seeds 3000 --processes 2
    python -m tests.simulation --replay 17 --trace
"""
