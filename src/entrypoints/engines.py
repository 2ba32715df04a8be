"""The kinds of engines that the container tells apart."""

from typing import NewType

from sqlalchemy.ext.asyncio import AsyncEngine

ProbeEngine = NewType("ProbeEngine", AsyncEngine)
"""The engine of readiness, in the API with a connection that no caller's request takes."""
