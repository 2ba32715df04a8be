"""What the frame around a request and its answer tell each other, as members of the request's state."""

ROUTE = "route"
"""The template of the request's path, once it is served, for its span."""
HEAD_ONLY = "head_only"
"""Set if the client wants no body: the application answers HEAD as if it were GET."""
OUTCOME = "outcome"
"""How the stream of an answer ended, for the request's log line."""
