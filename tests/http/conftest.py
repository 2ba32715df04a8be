"""One running API for all tests of its contract; each finds it empty."""

from api_client.fixtures import api, customer, running

__all__ = ["api", "customer", "running"]
