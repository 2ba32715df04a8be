"""Why `import` and `export` end early: each exit code has one meaning, see docs/transfer.md."""

import click

REFUSED = 1
INTERRUPTED = 130


class ServiceFailed(click.ClickException):
    """The service cannot be reached, or does not do what was asked of it."""

    exit_code = 3


class NotAllowed(click.ClickException):
    """The service does not accept the credentials, or there are none."""

    exit_code = 4
