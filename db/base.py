"""What every table shares: one metadata with a naming convention, and short words for columns and constraints.

Tables do not validate rows in Python (SQLModel's `table=True` never does): what must not be is refused by constraints in
the schema, on SQLite and PostgreSQL alike. Times are int64 milliseconds UTC in columns named `*_ts`; prices, quantities and
money are double precision, each the float nearest its decimal. No table is defined in this file.
"""

import re
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Integer,
    MetaData,
    Text,
    false,
    text,
)
from sqlalchemy.orm import declared_attr
from sqlmodel import Field, SQLModel
from sqlmodel._compat import SQLModelConfig

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

LEVELS = ("running", "paused", "reduce_only", "halted", "killed")
"""How much an account may do, from everything to nothing."""


class Table(SQLModel):
    """Base of all tables; a class's table is its name in snake case. Validators nobody calls are not built: every start would
    pay for them."""

    model_config = SQLModelConfig(defer_build=True)
    metadata = MetaData(naming_convention=NAMING)

    @declared_attr.directive
    @classmethod
    def __tablename__(cls) -> str:
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


def key() -> Any:
    """The row's own number."""
    return Field(default=None, primary_key=True)


def link(target: str, *, nullable: bool = False, primary_key: bool = False) -> Any:
    """A foreign key whose row dies with its parent."""
    column: Column[Any] = Column(
        Integer, ForeignKey(target, ondelete="CASCADE"), nullable=nullable, primary_key=primary_key
    )
    return Field(sa_column=column)


def part_of_key(sa_type: Any = Integer) -> Any:
    """One column of a primary key of several."""
    return Field(sa_column=Column(sa_type, primary_key=True, autoincrement=False))


def moment(*, nullable: bool = False) -> Any:
    """Milliseconds UTC, or another count that may pass 2^31."""
    return Field(default=None if nullable else ..., sa_type=BigInteger, nullable=nullable)


def real(*, nullable: bool = False, default: str | None = None) -> Any:
    """A double; `default` is the schema's."""
    return Field(
        default=None if nullable or default is not None else ...,
        sa_type=Double,
        nullable=nullable,
        sa_column_kwargs={"server_default": text(default)} if default is not None else {},
    )


def words(default: str | None = "", *, nullable: bool = False) -> Any:
    """Text of any length; empty unless said otherwise."""
    kwargs = {"server_default": text(f"'{default}'")} if default is not None and not nullable else {}
    return Field(default=None if nullable else default, sa_type=Text, nullable=nullable, sa_column_kwargs=kwargs)


def number(default: int = 0) -> Any:
    """A counter that starts at `default`."""
    return Field(default=default, sa_column_kwargs={"server_default": text(str(default))})


def flag() -> Any:
    """False unless said otherwise."""
    return Field(default=False, sa_column_kwargs={"server_default": false()})


def mapping() -> Any:
    """A JSON object; assign a new one to change it."""
    return Field(default_factory=dict, sa_type=JSON, nullable=False, sa_column_kwargs={"server_default": text("'{}'")})


def one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    """The column is one of these words."""
    allowed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({allowed})", name=column)


def direction(column: str = "direction", *, flat: bool = False) -> CheckConstraint:
    """1 long, -1 short; 0 where nothing is held."""
    return CheckConstraint(f"{column} IN ({'-1, 0, 1' if flat else '-1, 1'})", name=column)


def at_least_zero(*columns: str) -> tuple[CheckConstraint, ...]:
    """Zero or more, and finite (PostgreSQL holds NaN to be above every number)."""
    return tuple(
        CheckConstraint(f"{column} >= 0 AND {column} < 1e300", name=f"{column}_not_negative") for column in columns
    )


def above_zero(*columns: str) -> tuple[CheckConstraint, ...]:
    """More than zero, and finite."""
    return tuple(CheckConstraint(f"{column} > 0 AND {column} < 1e300", name=f"{column}_positive") for column in columns)


def finite(*columns: str) -> tuple[CheckConstraint, ...]:
    """Any number, but neither NaN nor infinite."""
    return tuple(
        CheckConstraint(f"{column} > -1e300 AND {column} < 1e300", name=f"{column}_finite") for column in columns
    )


def in_order(earlier: str, later: str) -> CheckConstraint:
    """`later` is not before `earlier`."""
    return CheckConstraint(f"{later} >= {earlier}", name=f"{later}_after_{earlier}")
