"""Journal, saved filters, imported trades; an index that answers the trades page alone.

Constraints are written out as they stood at this revision: nothing is imported from the tables of today.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

FACETS = (
    "run_id", "exit_ts", "seq", "pnl", "entry_ts", "slot_id", "symbol", "direction", "exit_reason", "config_version_id",
    "r_multiple", "fees", "ambiguous", "signal_seq",
)  # fmt: skip
KINDS = "kind IN ('backtest', 'paper', 'live'{})"
TRIGGERS = {
    "insert": "AFTER INSERT ON journal_entry BEGIN {put}; END",
    "delete": "AFTER DELETE ON journal_entry BEGIN {take}; END",
    "update": "AFTER UPDATE OF note, lesson ON journal_entry BEGIN {take}; {put}; END",
}
PUT = "INSERT INTO journal_fts (rowid, note, lesson) VALUES (new.id, new.note, new.lesson)"
TAKE = "INSERT INTO journal_fts (journal_fts, rowid, note, lesson) VALUES ('delete', old.id, old.note, old.lesson)"


def upgrade() -> None:
    _kinds(KINDS.format(", 'imported'"))
    _journal()
    _search()
    _others()
    op.drop_index("ix_trade_run_id_exit_ts", table_name="trade")
    op.create_index("ix_trade_facets", "trade", list(FACETS), unique=False)
    op.create_index("ix_signal_run_id_tag", "signal", ["run_id", "tag"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_signal_run_id_tag", table_name="signal")
    op.drop_index("ix_trade_facets", table_name="trade")
    op.create_index("ix_trade_run_id_exit_ts", "trade", ["run_id", "exit_ts"], unique=False)
    if op.get_bind().dialect.name == "sqlite":
        for name in TRIGGERS:
            op.execute(f"DROP TRIGGER IF EXISTS journal_fts_{name}")
        op.execute("DROP TABLE IF EXISTS journal_fts")
    for table in ("imported_trade", "saved_filter", "journal_conflict", "journal_word", "journal_entry"):
        op.drop_table(table)
    op.execute("DELETE FROM run WHERE kind = 'imported'")
    _kinds(KINDS.format(""))


def _words(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default=sa.text("''"), nullable=False)


def _kinds(check: str) -> None:
    """SQLite changes a constraint by a new table; `run` is small."""
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint(op.f("ck_run_kind"), "run", type_="check")
        op.create_check_constraint(op.f("ck_run_kind"), "run", check)
        return
    op.create_table(
        "run_next",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("demo", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("exchange", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("quote", sa.Text(), server_default=sa.text("'USD'"), nullable=False),
        sa.Column("cash_start", sa.Float(), nullable=False),
        sa.Column("finest_tf_ms", sa.Integer(), server_default=sa.text("60000"), nullable=False),
        sa.Column("anchor_ts", sa.BigInteger(), nullable=True),
        sa.Column("created_ts", sa.BigInteger(), nullable=False),
        sa.Column("started_ts", sa.BigInteger(), nullable=True),
        sa.Column("ended_ts", sa.BigInteger(), nullable=True),
        sa.Column("config_version_id", sa.Integer(), nullable=True),
        sa.Column("data_hash", sa.String(), nullable=True),
        sa.Column("data_grade", sa.String(), nullable=True),
        sa.Column("code_hash", sa.String(), nullable=True),
        sa.Column("params", sa.JSON(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("stats", sa.JSON(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint(check, name=op.f("ck_run_kind")),
        sa.CheckConstraint(
            "status IN ('writing', 'running', 'stopped', 'complete', 'failed')", name=op.f("ck_run_status")
        ),
        sa.CheckConstraint("cash_start > 0 AND cash_start < 1e300", name=op.f("ck_run_cash_start_positive")),
        sa.CheckConstraint("finest_tf_ms >= 0 AND finest_tf_ms < 1e300", name=op.f("ck_run_finest_tf_ms_not_negative")),
        sa.PrimaryKeyConstraint("id", name="pk_run"),
        sa.UniqueConstraint("name", name="uq_run_name"),
    )
    columns = ", ".join(column["name"] for column in sa.inspect(op.get_bind()).get_columns("run"))
    op.execute(f"INSERT INTO run_next ({columns}) SELECT {columns} FROM run")
    op.drop_table("run")  # rows that point to it stay: migrations run with foreign keys off, and check them at the end
    op.rename_table("run_next", "run")
    op.create_index("ix_run_kind_created_ts", "run", ["kind", "created_ts"], unique=False)


def _journal() -> None:
    op.create_table(
        "journal_entry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("trade_seq", sa.Integer(), nullable=True),
        sa.Column("day_ts", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        _words("note"),
        _words("lesson"),
        sa.Column("rating", sa.Integer(), nullable=True),
        sa.Column("reviewed", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_ts", sa.BigInteger(), nullable=False),
        sa.Column("updated_ts", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("(trade_seq IS NULL) <> (day_ts IS NULL)", name=op.f("ck_journal_entry_subject")),
        sa.CheckConstraint("rating BETWEEN 1 AND 5", name=op.f("ck_journal_entry_rating")),
        sa.CheckConstraint("version > 0 AND version < 1e300", name=op.f("ck_journal_entry_version_positive")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_journal_entry_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_journal_entry"),
        sa.UniqueConstraint("run_id", "day_ts", name="uq_journal_entry_run_id_day_ts"),
        sa.UniqueConstraint("run_id", "trade_seq", name="uq_journal_entry_run_id_trade_seq"),
    )
    op.create_table(
        "journal_word",
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("word", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('tag', 'mistake')", name=op.f("ck_journal_word_kind")),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["journal_entry.id"], name="fk_journal_word_entry_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("entry_id", "kind", "word", name="pk_journal_word"),
    )
    op.create_index("ix_journal_word_kind_word", "journal_word", ["kind", "word"], unique=False)
    op.create_table(
        "journal_conflict",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.Column("ts", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("fields", sa.JSON(), server_default=sa.text("'{}'"), nullable=False),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["journal_entry.id"], name="fk_journal_conflict_entry_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_journal_conflict"),
    )
    op.create_index("ix_journal_conflict_entry_id", "journal_conflict", ["entry_id"], unique=False)


def _search() -> None:
    """Words of notes and lessons, where SQLite can; elsewhere the app looks with LIKE."""
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        return
    options = {row[0] for row in connection.exec_driver_sql("PRAGMA compile_options")}
    if "ENABLE_FTS5" not in options:
        return
    op.execute(
        "CREATE VIRTUAL TABLE journal_fts USING fts5(note, lesson, content='journal_entry', content_rowid='id', "
        "tokenize='unicode61 remove_diacritics 2')"
    )
    for name, body in TRIGGERS.items():
        op.execute(f"CREATE TRIGGER journal_fts_{name} {body.format(put=PUT, take=TAKE)}")


def _others() -> None:
    op.create_table(
        "saved_filter",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("page", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        _words("query"),
        sa.Column("created_ts", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_saved_filter"),
        sa.UniqueConstraint("page", "name", name="uq_saved_filter_page_name"),
    )
    op.create_table(
        "imported_trade",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("trade_seq", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        _words("tag"),
        _words("exit_reason"),
        sa.Column("origin", sa.JSON(), server_default=sa.text("'{}'"), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_imported_trade_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "trade_seq", name="pk_imported_trade"),
        sa.UniqueConstraint("run_id", "key", name="uq_imported_trade_run_id_key"),
    )
    op.create_index("ix_imported_trade_run_id_tag", "imported_trade", ["run_id", "tag"], unique=False)
