"""Rows about who may come in."""

from datetime import datetime, timedelta

from sqlalchemy import Index, Interval, func, type_coerce
from sqlalchemy.orm import Mapped, column_property, mapped_column

from adapters.postgres.rows import Row


class LoginFailureRow(Row):
    """One failed login, see application/access/login_limits.py."""

    __tablename__ = "login_failure"
    __table_args__ = (
        Index("ix_login_failure_address", "address", "failed_at"),
        Index("ix_login_failure_failed_at", "failed_at"),
    )

    address: Mapped[str] = mapped_column()
    account: Mapped[bytes] = mapped_column()
    failed_at: Mapped[datetime] = mapped_column()

    age: Mapped[timedelta] = column_property(type_coerce(func.clock_timestamp() - failed_at, Interval))

    # The table needs no primary key, the mapper does.
    __mapper_args__ = {"primary_key": [address, account, failed_at]}  # noqa: RUF012 - SQLAlchemy's own form
