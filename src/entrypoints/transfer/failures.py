"""Why `import` and `export` end early: each exit code has one meaning, see docs/exports.md."""

import click

REFUSED = 1
INTERRUPTED = 130


class ServiceFailed(click.ClickException):
    """The service cannot be reached, or fails."""

    exit_code = 3


class NotWritten(click.ClickException):
    """The export cannot be written to its file."""

    exit_code = 5


class NotAllowed(click.ClickException):
    """The service does not accept the credentials, or there are none."""

    exit_code = 4
