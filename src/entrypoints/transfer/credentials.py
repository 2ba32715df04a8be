"""The caller of the service: a key, or an admin who logs in, from the environment or a prompt, never an argument."""

import os
import sys
from dataclasses import dataclass

import click

from entrypoints.transfer.failures import NotAllowed


@dataclass(frozen=True, slots=True)
class Key:
    """A key that is sent as it is."""

    secret: str


@dataclass(frozen=True, slots=True)
class Login:
    """The name and the password of an admin."""

    username: str
    password: str


Credentials = Key | Login


def given_credentials() -> Credentials | None:
    """Return the credentials in the environment."""
    if key := os.environ.get("AGGREGATOR_KEY"):
        return Key(key)
    username, password = (os.environ.get(f"AGGREGATOR_{name}") for name in ("USERNAME", "PASSWORD"))
    return Login(username, password) if username and password else None


def required_credentials() -> Credentials:
    """Return the credentials in the environment, or ask for the missing ones on a terminal.

    Raises:
        NotAllowed: there is no terminal.
    """
    if (given := given_credentials()) is not None:
        return given
    if not sys.stdin.isatty():
        raise NotAllowed(
            "This is for admins: set AGGREGATOR_KEY, or AGGREGATOR_USERNAME and AGGREGATOR_PASSWORD, "
            "or run it on a terminal, which asks for them."
        )
    username = os.environ.get("AGGREGATOR_USERNAME") or click.prompt("Username", err=True)
    return Login(username, click.prompt("Password", hide_input=True, err=True))
