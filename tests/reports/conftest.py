"""The stores of tests/store: what is promised of a report is so on both databases."""

from tests.store.conftest import make, postgres_store, postgres_url, store

__all__ = ["make", "postgres_store", "postgres_url", "store"]
