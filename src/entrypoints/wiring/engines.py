"""The kinds of engines in the container."""

from typing import NewType

from sqlalchemy.ext.asyncio import AsyncEngine

ProbeEngine = NewType("ProbeEngine", AsyncEngine)
"""The engine of readiness, in the API with a connection that no caller's request takes."""
DirectEngine = NewType("DirectEngine", AsyncEngine)
"""The engine past a pooler of transactions, on DATABASE_DIRECT_URL; the usual one unless that is set."""
SessionEngine = NewType("SessionEngine", AsyncEngine)
"""The same, known to give sessions: for locks and statements that no transaction holds."""
