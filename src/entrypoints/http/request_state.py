"""Members of a request's state that the frame around the request and its answer share."""

ROUTE = "route"
"""The template of the request's path, once it is served, for its span."""
HEAD_ONLY = "head_only"
"""Set if the client wants no body: the application answers HEAD as if it were GET."""
OUTCOME = "outcome"
"""How the stream of an answer ended, for the request's log line."""
