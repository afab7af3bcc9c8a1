"""Live orders: intents and what was said of them, stops kept at the venue, trades and money that came from elsewhere."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

STATES = (
    "'planned', 'denied', 'ready', 'sending', 'acked', 'partial', 'filled', 'canceling', 'canceled', 'expired', 'rejected', "
    "'unknown', 'not_placed', 'quarantined'"
)
TERMINAL = ("denied", "filled", "canceled", "expired", "rejected", "not_placed")
SIDES = "side IN ('buy', 'sell')"
NOTHING, NONE = sa.text("''"), sa.text("0")


def upgrade() -> None:
    _intents()
    _events()
    _protections()
    _elsewhere()
    op.add_column("fill", sa.Column("client_order_id", sa.String(), nullable=True))
    op.create_index("uq_fill_venue_trade", "fill", ["run_id", "symbol", "venue_trade_id"], unique=True)
    _guard_terminal_states()


def _intents() -> None:
    open_ones = sa.text(" AND ".join(f"state <> '{state}'" for state in TERMINAL))
    op.create_table(
        "intent",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("slot_id", sa.Integer(), nullable=True),
        _text("slot_key"),
        sa.Column("order_seq", sa.Integer(), nullable=True),
        sa.Column("trade_seq", sa.Integer(), nullable=True),
        *(
            sa.Column(name, sa.String(), nullable=False)
            for name in ("client_order_id", "decision_key", "symbol", "role")
        ),
        _text("purpose"),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("side", "kind", "qty")),
        *(sa.Column(name, sa.Text(), nullable=True) for name in ("limit_price", "stop_price")),
        _text("filled", "0"),
        sa.Column("reserved", sa.Double(), server_default=NONE, nullable=False),
        sa.Column("risk", sa.JSON(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        *(_text(name) for name in ("reason", "anomaly", "venue_order_id")),
        sa.Column("created_ts", sa.BigInteger(), nullable=False),
        *(sa.Column(f"{name}_ts", sa.BigInteger(), nullable=True) for name in ("sent", "expires", "good_till", "done")),
        *(
            sa.Column(name, sa.Integer(), server_default=NONE, nullable=False)
            for name in ("look_ups", "not_found", "rev")
        ),
        sa.CheckConstraint(f"state IN ({STATES})", name=op.f("ck_intent_state")),
        sa.CheckConstraint("role IN ('entry', 'exit', 'stop', 'recovered')", name=op.f("ck_intent_role")),
        sa.CheckConstraint(SIDES, name=op.f("ck_intent_side")),
        sa.CheckConstraint("kind IN ('market', 'limit', 'stop', 'stop_limit')", name=op.f("ck_intent_kind")),
        *_not_negative("intent", "reserved", "look_ups", "not_found"),
        *_links("intent", "run", "slot"),
        sa.PrimaryKeyConstraint("id", name="pk_intent"),
        sa.UniqueConstraint("client_order_id", name="uq_intent_client_order_id"),
        sa.UniqueConstraint("decision_key", name="uq_intent_decision_key"),
    )
    op.create_index("ix_intent_run_id_created_ts", "intent", ["run_id", "created_ts"], unique=False)
    op.create_index(
        "ix_intent_open", "intent", ["run_id"], unique=False, sqlite_where=open_ones, postgresql_where=open_ones
    )
    op.create_index("ix_intent_venue_order", "intent", ["run_id", "venue_order_id"], unique=False)
    op.create_index("ix_intent_order", "intent", ["run_id", "order_seq"], unique=False)


def _events() -> None:
    op.create_table(
        "order_event",
        sa.Column("id", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("run_id", "intent_id", "seq")),
        sa.Column("ts", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("source", "state")),
        _text("filled", "0"),
        _text("said"),
        sa.CheckConstraint(
            "source IN ('engine', 'ack', 'look_up', 'poll', 'trade', 'reconcile', 'person')",
            name=op.f("ck_order_event_source"),
        ),
        sa.CheckConstraint(f"state IN ({STATES})", name=op.f("ck_order_event_state")),
        *_links("order_event", "run", "intent"),
        sa.PrimaryKeyConstraint("id", name="pk_order_event"),
        sa.UniqueConstraint("intent_id", "seq", name="uq_order_event_intent_id_seq"),
    )
    op.create_index("ix_order_event_run_id_ts", "order_event", ["run_id", "ts"], unique=False)


def _protections() -> None:
    op.create_table(
        "protection",
        sa.Column("id", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("run_id", "slot_id")),
        sa.Column("intent_id", sa.Integer(), nullable=True),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("trade_seq", sa.Integer(), nullable=True),
        sa.Column("qty", sa.Float(), nullable=False),
        sa.Column("stop", sa.Double(), nullable=True),
        sa.Column("wanted", sa.Float(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        _text("reason"),
        sa.Column("bare_ts", sa.BigInteger(), nullable=True),
        sa.Column("since_ts", sa.BigInteger(), nullable=False),
        sa.Column("ended_ts", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("state IN ('live', 'ended')", name=op.f("ck_protection_state")),
        *_not_negative("protection", "stop", "wanted"),
        *_links("protection", "run", "slot", "intent"),
        sa.PrimaryKeyConstraint("id", name="pk_protection"),
    )
    live = sa.text("state = 'live'")
    op.create_index(
        "uq_protection_live", "protection", ["run_id", "slot_id"], unique=True, sqlite_where=live, postgresql_where=live
    )
    op.create_index("ix_protection_intent_id", "protection", ["intent_id"], unique=False)


def _elsewhere() -> None:
    op.create_table(
        "external_trade",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("symbol", "venue_trade_id")),
        *(_text(name) for name in ("venue_order_id", "client_order_id")),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("side", "qty", "price")),
        _text("fee", "0"),
        _text("fee_currency"),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("ts", "seen_ts")),
        sa.Column("touched", sa.Boolean(), server_default=sa.false(), nullable=False),
        _text("reason"),
        sa.CheckConstraint(SIDES, name=op.f("ck_external_trade_side")),
        *_links("external_trade", "run"),
        sa.PrimaryKeyConstraint("id", name="pk_external_trade"),
        sa.UniqueConstraint(
            "run_id", "symbol", "venue_trade_id", name="uq_external_trade_run_id_symbol_venue_trade_id"
        ),
    )
    op.create_index("ix_external_trade_run_id_ts", "external_trade", ["run_id", "ts"], unique=False)
    op.create_table(
        "cash_flow",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("flow_id", sa.String(), nullable=False),
        sa.Column("ts", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.Float(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("taken", sa.Boolean(), server_default=sa.false(), nullable=False),
        _text("text"),
        sa.CheckConstraint("amount > -1e300 AND amount < 1e300", name=op.f("ck_cash_flow_amount_finite")),
        *_links("cash_flow", "run"),
        sa.PrimaryKeyConstraint("id", name="pk_cash_flow"),
        sa.UniqueConstraint("run_id", "flow_id", name="uq_cash_flow_run_id_flow_id"),
    )
    op.create_table(
        "watermark",
        sa.Column("run_id", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), autoincrement=False, nullable=False) for name in ("stream", "symbol")),
        sa.Column("ts", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("stream IN ('trades', 'flows')", name=op.f("ck_watermark_stream")),
        *_links("watermark", "run"),
        sa.PrimaryKeyConstraint("run_id", "stream", "symbol", name="pk_watermark"),
    )


def _guard_terminal_states() -> None:
    """What is over stays over, whoever writes: money that comes late is booked, the state says what it said."""
    over = ", ".join(f"'{state}'" for state in TERMINAL)
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            f"CREATE TRIGGER intent_stays_over BEFORE UPDATE OF state ON intent WHEN OLD.state IN ({over}) "
            "AND NEW.state <> OLD.state BEGIN SELECT RAISE(ABORT, 'an intent never leaves a terminal state'); END"
        )
        op.execute(
            "CREATE TRIGGER order_event_stays BEFORE UPDATE ON order_event "
            "BEGIN SELECT RAISE(ABORT, 'order events are only ever added'); END"
        )
        return
    op.execute(
        "CREATE FUNCTION intent_stays_over() RETURNS trigger AS $$ BEGIN "
        "RAISE EXCEPTION 'an intent never leaves a terminal state' USING ERRCODE = 'check_violation'; END $$ LANGUAGE plpgsql"
    )
    op.execute(
        f"CREATE TRIGGER intent_stays_over BEFORE UPDATE OF state ON intent FOR EACH ROW WHEN (OLD.state IN ({over}) "
        "AND NEW.state <> OLD.state) EXECUTE FUNCTION intent_stays_over()"
    )
    op.execute(
        "CREATE FUNCTION order_event_stays() RETURNS trigger AS $$ BEGIN "
        "RAISE EXCEPTION 'order events are only ever added' USING ERRCODE = 'check_violation'; END $$ LANGUAGE plpgsql"
    )
    op.execute(
        "CREATE TRIGGER order_event_stays BEFORE UPDATE ON order_event FOR EACH ROW EXECUTE FUNCTION order_event_stays()"
    )


def _text(name: str, default: str = "") -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default=sa.text(f"'{default}'"), nullable=False)


def _not_negative(table: str, *names: str) -> list[sa.CheckConstraint]:
    return [
        sa.CheckConstraint(f"{name} >= 0 AND {name} < 1e300", name=op.f(f"ck_{table}_{name}_not_negative"))
        for name in names
    ]


def _links(table: str, *targets: str) -> list[sa.ForeignKeyConstraint]:
    return [
        sa.ForeignKeyConstraint([f"{to}_id"], [f"{to}.id"], name=f"fk_{table}_{to}_id", ondelete="CASCADE")
        for to in targets
    ]


def downgrade() -> None:
    for table in ("watermark", "cash_flow", "external_trade", "protection", "order_event", "intent"):
        op.drop_table(table)
    if op.get_bind().dialect.name != "sqlite":
        for name in ("intent_stays_over", "order_event_stays"):
            op.execute(f"DROP FUNCTION {name}()")
    op.drop_index("uq_fill_venue_trade", table_name="fill")
    op.drop_column("fill", "client_order_id")
