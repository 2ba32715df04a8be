"""The clock, as a port: use-cases never ask the operating system for the time."""

from collections.abc import Callable
from datetime import datetime

Clock = Callable[[], datetime]
"""Returns the present time, with its zone."""
