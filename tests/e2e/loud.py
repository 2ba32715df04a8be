"""The `aggregator` command with every logger at DEBUG, the libraries' too, which no setting makes so loud."""

import logging

from entrypoints import logs
from entrypoints.cli import main
from entrypoints.configuration.settings import Settings

configure_as_set = logs.configure_logs


def configure_all(settings: Settings) -> None:
    configure_as_set(settings)
    logging.getLogger().setLevel(logging.DEBUG)
    for name in ("saq", "psycopg.pool", "sqlalchemy"):
        logging.getLogger(name).setLevel(logging.DEBUG)
        logging.getLogger(name).filters.clear()


if __name__ == "__main__":
    logs.configure_logs = configure_all
    main()
