"""The sources of settings: the environment, or the files that `…_FILE` variables name."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

SECRETS = (
    "DATABASE_URL",
    "DATABASE_READ_URL",
    "DATABASE_DIRECT_URL",
    "OFFERS_REFRESH_TOKEN",
    "ADMIN_PASSWORD",
    "ADMIN_PASSWORD_HASH",
    "JWT_SECRET",
    "JWT_SECRETS_ACCEPTED",
)
"""Settings that a file may hold, named by the variable with `_FILE` behind its name."""
LARGEST_FILE = 64 * 1024

# https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables: a service called `simulator`
# makes SIMULATOR_PORT in every container beside it.
_SERVICE_LINK = re.compile(r"(?:tcp|udp|sctp)://\S+")


@dataclass(slots=True)
class Given:
    """The values of settings by name, the mistakes of others, and the variable that gives each."""

    values: dict[str, str] = field(default_factory=dict)
    mistakes: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)


def service_links(environment: Mapping[str, str], names: Collection[str]) -> list[str]:
    """Return the variables that Kubernetes has set to the address of a service, where we want a port."""
    return [name for name in names if name.endswith("PORT") and _SERVICE_LINK.fullmatch(environment.get(name, ""))]


def given_by(environment: Mapping[str, str], names: Collection[str]) -> Given:
    """Return these settings from the environment; one that is empty, or a service link, counts as not set."""
    given = Given()
    links = service_links(environment, names)
    for name in names:
        value, file = "" if name in links else environment.get(name, ""), f"{name}_FILE"
        if name in SECRETS and environment.get(file):
            given.variables[name] = file
            if value:
                given.mistakes[name] = f"must not be set beside {name}"
            else:
                _read(name, environment[file], given)
        elif value:
            given.variables[name], given.values[name] = name, value
    return given


def _read(name: str, path: str, given: Given) -> None:
    """Read a setting's file, without the line break that editors and `echo` put at its end."""
    try:
        file = Path(path)
        if not file.is_file():  # a pipe could keep us waiting for ever
            given.mistakes[name] = "must name a file that exists"
            return
        with file.open("rb") as opened:
            content = opened.read(LARGEST_FILE + 1)
        value = content.decode().removesuffix("\n").removesuffix("\r")
    except (OSError, ValueError) as error:
        given.mistakes[name] = "must name a file of UTF-8 text" if isinstance(error, UnicodeError) else "cannot be read"
        return
    if len(content) > LARGEST_FILE:
        given.mistakes[name] = f"must name a file of at most {LARGEST_FILE} bytes"
    elif not value:
        given.mistakes[name] = "must name a file that is not empty"
    else:
        given.values[name] = value
