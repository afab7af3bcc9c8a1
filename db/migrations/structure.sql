CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
CREATE TABLE config_version (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	created_ts BIGINT NOT NULL, 
	hash VARCHAR NOT NULL, 
	text TEXT DEFAULT '' NOT NULL, 
	source TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_config_version PRIMARY KEY (id), 
	CONSTRAINT fk_config_version_run_id FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE
);
CREATE INDEX ix_config_version_run_id_created_ts ON config_version (run_id, created_ts);
CREATE TABLE instrument (
	id INTEGER NOT NULL, 
	exchange VARCHAR NOT NULL, 
	symbol VARCHAR NOT NULL, 
	base VARCHAR NOT NULL, 
	quote VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	tick VARCHAR NOT NULL, 
	lot VARCHAR NOT NULL, 
	quantum VARCHAR NOT NULL, 
	min_qty TEXT DEFAULT '0' NOT NULL, 
	min_notional TEXT DEFAULT '0' NOT NULL, 
	maker VARCHAR NOT NULL, 
	taker VARCHAR NOT NULL, 
	updated_ts BIGINT NOT NULL, 
	CONSTRAINT pk_instrument PRIMARY KEY (id), 
	CONSTRAINT ck_instrument_kind CHECK (kind IN ('spot', 'perp')), 
	CONSTRAINT uq_instrument_exchange_symbol UNIQUE (exchange, symbol)
);
CREATE TABLE slot (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	"key" VARCHAR NOT NULL, 
	position INTEGER DEFAULT 0 NOT NULL, 
	label TEXT DEFAULT '' NOT NULL, 
	strategy VARCHAR NOT NULL, 
	symbol VARCHAR NOT NULL, 
	timeframe_ms INTEGER NOT NULL, 
	params JSON DEFAULT '{}' NOT NULL, 
	state VARCHAR NOT NULL, 
	error TEXT, 
	source_hash TEXT DEFAULT '' NOT NULL, 
	source_text TEXT DEFAULT '' NOT NULL, 
	config_version_id INTEGER, 
	CONSTRAINT pk_slot PRIMARY KEY (id), 
	CONSTRAINT ck_slot_state CHECK (state IN ('enabled', 'exit_only', 'off', 'failed')), 
	CONSTRAINT ck_slot_timeframe_ms_positive CHECK (timeframe_ms > 0 AND timeframe_ms < 1e300), 
	CONSTRAINT fk_slot_config_version_id FOREIGN KEY(config_version_id) REFERENCES config_version (id) ON DELETE CASCADE, 
	CONSTRAINT fk_slot_run_id FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE, 
	CONSTRAINT uq_slot_run_id_key UNIQUE (run_id, "key")
);
CREATE TABLE run_marker (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	ts BIGINT NOT NULL, 
	kind VARCHAR NOT NULL, 
	text TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_run_marker PRIMARY KEY (id), 
	CONSTRAINT ck_run_marker_kind CHECK (kind IN ('start', 'stop', 'recovery', 'config', 'code', 'upgrade', 'command')), 
	CONSTRAINT fk_run_marker_run_id FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE
);
CREATE INDEX ix_run_marker_run_id_ts ON run_marker (run_id, ts);
CREATE TABLE equity (
	run_id INTEGER NOT NULL, 
	slot_id INTEGER NOT NULL, 
	ts BIGINT NOT NULL, 
	equity FLOAT NOT NULL, 
	cash FLOAT NOT NULL, 
	exposure FLOAT NOT NULL, 
	CONSTRAINT pk_equity PRIMARY KEY (run_id, slot_id, ts), 
	CONSTRAINT ck_equity_cash_finite CHECK (cash > -1e300 AND cash < 1e300), 
	CONSTRAINT ck_equity_equity_finite CHECK (equity > -1e300 AND equity < 1e300), 
	CONSTRAINT ck_equity_exposure_finite CHECK (exposure > -1e300 AND exposure < 1e300), 
	CONSTRAINT fk_equity_run_id FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
CREATE TABLE orders (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	seq INTEGER NOT NULL, 
	slot_id INTEGER NOT NULL, 
	signal_seq INTEGER, 
	symbol VARCHAR NOT NULL, 
	side VARCHAR NOT NULL, 
	purpose VARCHAR NOT NULL, 
	type VARCHAR NOT NULL, 
	qty FLOAT NOT NULL, 
	filled_qty DOUBLE DEFAULT 0 NOT NULL, 
	price_ref DOUBLE, 
	limit_price DOUBLE, 
	reserved DOUBLE DEFAULT 0 NOT NULL, 
	state VARCHAR NOT NULL, 
	reason TEXT DEFAULT '' NOT NULL, 
	created_ts BIGINT NOT NULL, 
	known_ts BIGINT NOT NULL, 
	done_ts BIGINT, 
	client_order_id VARCHAR, config_version_id INTEGER, 
	CONSTRAINT pk_orders PRIMARY KEY (id), 
	CONSTRAINT ck_orders_purpose CHECK (purpose IN ('entry', 'exit', 'stop', 'target', 'trail', 'time', 'breakeven', 'flatten', 'manual', 'outage', 'wiped_out')), 
	CONSTRAINT ck_orders_side CHECK (side IN ('buy', 'sell')), 
	CONSTRAINT ck_orders_state CHECK (state IN ('queued', 'sent', 'partial', 'filled', 'cancelled', 'refused', 'rejected')), 
	CONSTRAINT ck_orders_type CHECK (type IN ('market', 'limit', 'stop')), 
	CONSTRAINT ck_orders_filled_qty_not_negative CHECK (filled_qty >= 0 AND filled_qty < 1e300), 
	CONSTRAINT ck_orders_known_ts_after_created_ts CHECK (known_ts >= created_ts), 
	CONSTRAINT ck_orders_limit_price_not_negative CHECK (limit_price >= 0 AND limit_price < 1e300), 
	CONSTRAINT ck_orders_price_ref_not_negative CHECK (price_ref >= 0 AND price_ref < 1e300), 
	CONSTRAINT ck_orders_qty_not_negative CHECK (qty >= 0 AND qty < 1e300), 
	CONSTRAINT ck_orders_reserved_not_negative CHECK (reserved >= 0 AND reserved < 1e300), 
	CONSTRAINT fk_orders_run_id FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE, 
	CONSTRAINT fk_orders_slot_id FOREIGN KEY(slot_id) REFERENCES slot (id) ON DELETE CASCADE, 
	CONSTRAINT uq_orders_run_id_seq UNIQUE (run_id, seq)
);
CREATE INDEX ix_orders_run_id_created_ts ON orders (run_id, created_ts);
CREATE TABLE fill (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	seq INTEGER NOT NULL, 
	order_seq INTEGER NOT NULL, 
	slot_id INTEGER NOT NULL, 
	symbol VARCHAR NOT NULL, 
	side VARCHAR NOT NULL, 
	qty FLOAT NOT NULL, 
	price FLOAT NOT NULL, 
	base_price FLOAT NOT NULL, 
	notional FLOAT NOT NULL, 
	fee FLOAT NOT NULL, 
	liquidity VARCHAR NOT NULL, 
	ts BIGINT NOT NULL, 
	venue_trade_id VARCHAR, 
	cash_after FLOAT NOT NULL, client_order_id VARCHAR, 
	CONSTRAINT pk_fill PRIMARY KEY (id), 
	CONSTRAINT ck_fill_liquidity CHECK (liquidity IN ('maker', 'taker')), 
	CONSTRAINT ck_fill_side CHECK (side IN ('buy', 'sell')), 
	CONSTRAINT ck_fill_base_price_not_negative CHECK (base_price >= 0 AND base_price < 1e300), 
	CONSTRAINT ck_fill_cash_after_finite CHECK (cash_after > -1e300 AND cash_after < 1e300), 
	CONSTRAINT ck_fill_fee_finite CHECK (fee > -1e300 AND fee < 1e300), 
	CONSTRAINT ck_fill_notional_not_negative CHECK (notional >= 0 AND notional < 1e300), 
	CONSTRAINT ck_fill_price_positive CHECK (price > 0 AND price < 1e300), 
	CONSTRAINT ck_fill_qty_positive CHECK (qty > 0 AND qty < 1e300), 
	CONSTRAINT fk_fill_run_id_order_seq FOREIGN KEY(run_id, order_seq) REFERENCES orders (run_id, seq) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, 
	CONSTRAINT fk_fill_run_id FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE, 
	CONSTRAINT fk_fill_slot_id FOREIGN KEY(slot_id) REFERENCES slot (id) ON DELETE CASCADE, 
	CONSTRAINT uq_fill_run_id_seq UNIQUE (run_id, seq)
);
CREATE INDEX ix_fill_run_id_order_seq ON fill (run_id, order_seq);
CREATE TABLE trade (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	seq INTEGER NOT NULL, 
	slot_id INTEGER NOT NULL, 
	symbol VARCHAR NOT NULL, 
	direction INTEGER NOT NULL, 
	qty FLOAT NOT NULL, 
	entry_ts BIGINT NOT NULL, 
	exit_ts BIGINT NOT NULL, 
	entry_price FLOAT NOT NULL, 
	exit_price FLOAT NOT NULL, 
	entry_notional FLOAT NOT NULL, 
	exit_notional FLOAT NOT NULL, 
	fees FLOAT NOT NULL, 
	funding DOUBLE DEFAULT 0 NOT NULL, 
	pnl FLOAT NOT NULL, 
	pnl_pct FLOAT NOT NULL, 
	exit_reason VARCHAR NOT NULL, 
	mae DOUBLE, 
	mfe DOUBLE, 
	bars_held INTEGER DEFAULT 0 NOT NULL, 
	ambiguous BOOLEAN DEFAULT 0 NOT NULL, 
	kind_pnl DOUBLE, 
	stop_initial DOUBLE, 
	risk DOUBLE, 
	r_multiple DOUBLE, 
	signal_seq INTEGER, 
	entry_order_seq INTEGER, 
	exit_order_seq INTEGER, 
	config_version_id INTEGER, 
	source_hash TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_trade PRIMARY KEY (id), 
	CONSTRAINT ck_trade_exit_reason CHECK (exit_reason IN ('entry', 'exit', 'stop', 'target', 'trail', 'time', 'breakeven', 'flatten', 'manual', 'outage', 'wiped_out')), 
	CONSTRAINT ck_trade_bars_held_not_negative CHECK (bars_held >= 0 AND bars_held < 1e300), 
	CONSTRAINT ck_trade_direction CHECK (direction IN (-1, 1)), 
	CONSTRAINT ck_trade_entry_notional_not_negative CHECK (entry_notional >= 0 AND entry_notional < 1e300), 
	CONSTRAINT ck_trade_entry_price_positive CHECK (entry_price > 0 AND entry_price < 1e300), 
	CONSTRAINT ck_trade_exit_notional_not_negative CHECK (exit_notional >= 0 AND exit_notional < 1e300), 
	CONSTRAINT ck_trade_exit_price_positive CHECK (exit_price > 0 AND exit_price < 1e300), 
	CONSTRAINT ck_trade_exit_ts_after_entry_ts CHECK (exit_ts >= entry_ts), 
	CONSTRAINT ck_trade_fees_finite CHECK (fees > -1e300 AND fees < 1e300), 
	CONSTRAINT ck_trade_funding_finite CHECK (funding > -1e300 AND funding < 1e300), 
	CONSTRAINT ck_trade_kind_pnl_finite CHECK (kind_pnl > -1e300 AND kind_pnl < 1e300), 
	CONSTRAINT ck_trade_pnl_finite CHECK (pnl > -1e300 AND pnl < 1e300), 
	CONSTRAINT ck_trade_pnl_pct_finite CHECK (pnl_pct > -1e300 AND pnl_pct < 1e300), 
	CONSTRAINT ck_trade_qty_positive CHECK (qty > 0 AND qty < 1e300), 
	CONSTRAINT ck_trade_risk_not_negative CHECK (risk >= 0 AND risk < 1e300), 
	CONSTRAINT ck_trade_stop_initial_not_negative CHECK (stop_initial >= 0 AND stop_initial < 1e300), 
	CONSTRAINT fk_trade_config_version_id FOREIGN KEY(config_version_id) REFERENCES config_version (id) ON DELETE CASCADE, 
	CONSTRAINT fk_trade_run_id FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE, 
	CONSTRAINT fk_trade_slot_id FOREIGN KEY(slot_id) REFERENCES slot (id) ON DELETE CASCADE, 
	CONSTRAINT uq_trade_run_id_seq UNIQUE (run_id, seq)
);
CREATE INDEX ix_trade_run_id_slot_id ON trade (run_id, slot_id);
CREATE TABLE position (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	slot_id INTEGER NOT NULL, 
	symbol VARCHAR NOT NULL, 
	direction INTEGER NOT NULL, 
	qty FLOAT NOT NULL, 
	entry_ts BIGINT NOT NULL, 
	entry_price FLOAT NOT NULL, 
	entry_notional FLOAT NOT NULL, 
	fees DOUBLE DEFAULT 0 NOT NULL, 
	funding DOUBLE DEFAULT 0 NOT NULL, 
	stop DOUBLE, 
	stop_initial DOUBLE, 
	target DOUBLE, 
	trail DOUBLE, 
	mark DOUBLE, 
	mark_ts BIGINT, 
	unrealized DOUBLE, 
	mae DOUBLE, 
	mfe DOUBLE, 
	risk DOUBLE, 
	bars_held INTEGER DEFAULT 0 NOT NULL, 
	signal_seq INTEGER, 
	status VARCHAR NOT NULL, 
	trade_seq INTEGER, 
	stale BOOLEAN DEFAULT 0 NOT NULL, 
	updated_ts BIGINT NOT NULL, 
	CONSTRAINT pk_position PRIMARY KEY (id), 
	CONSTRAINT ck_position_status CHECK (status IN ('open', 'entering', 'exiting')), 
	CONSTRAINT ck_position_bars_held_not_negative CHECK (bars_held >= 0 AND bars_held < 1e300), 
	CONSTRAINT ck_position_direction CHECK (direction IN (-1, 1)), 
	CONSTRAINT ck_position_entry_notional_not_negative CHECK (entry_notional >= 0 AND entry_notional < 1e300), 
	CONSTRAINT ck_position_entry_price_not_negative CHECK (entry_price >= 0 AND entry_price < 1e300), 
	CONSTRAINT ck_position_qty_not_negative CHECK (qty >= 0 AND qty < 1e300), 
	CONSTRAINT ck_position_risk_not_negative CHECK (risk >= 0 AND risk < 1e300), 
	CONSTRAINT ck_position_stop_not_negative CHECK (stop >= 0 AND stop < 1e300), 
	CONSTRAINT ck_position_stop_initial_not_negative CHECK (stop_initial >= 0 AND stop_initial < 1e300), 
	CONSTRAINT ck_position_target_not_negative CHECK (target >= 0 AND target < 1e300), 
	CONSTRAINT ck_position_trail_not_negative CHECK (trail >= 0 AND trail < 1e300), 
	CONSTRAINT fk_position_run_id FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE, 
	CONSTRAINT fk_position_slot_id FOREIGN KEY(slot_id) REFERENCES slot (id) ON DELETE CASCADE, 
	CONSTRAINT uq_position_run_id_slot_id UNIQUE (run_id, slot_id)
);
CREATE INDEX ix_position_slot_id ON position (slot_id);
CREATE TABLE stop_move (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	slot_id INTEGER NOT NULL, 
	trade_seq INTEGER, 
	ts BIGINT NOT NULL, 
	stop FLOAT NOT NULL, 
	reason TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_stop_move PRIMARY KEY (id), 
	CONSTRAINT ck_stop_move_stop_not_negative CHECK (stop >= 0 AND stop < 1e300), 
	CONSTRAINT fk_stop_move_run_id FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE, 
	CONSTRAINT fk_stop_move_slot_id FOREIGN KEY(slot_id) REFERENCES slot (id) ON DELETE CASCADE
);
CREATE INDEX ix_stop_move_run_id_slot_id_ts ON stop_move (run_id, slot_id, ts);
CREATE TABLE breaker (
	run_id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	slot_id INTEGER NOT NULL, 
	state VARCHAR NOT NULL, 
	level VARCHAR NOT NULL, 
	count INTEGER DEFAULT 0 NOT NULL, 
	value DOUBLE, 
	threshold DOUBLE, 
	since_ts BIGINT, 
	until_ts BIGINT, 
	CONSTRAINT pk_breaker PRIMARY KEY (run_id, name, slot_id), 
	CONSTRAINT ck_breaker_level CHECK (level IN ('running', 'paused', 'reduce_only', 'halted', 'killed')), 
	CONSTRAINT ck_breaker_state CHECK (state IN ('armed', 'tripped')), 
	CONSTRAINT ck_breaker_count_not_negative CHECK (count >= 0 AND count < 1e300), 
	CONSTRAINT ck_breaker_threshold_finite CHECK (threshold > -1e300 AND threshold < 1e300), 
	CONSTRAINT ck_breaker_value_finite CHECK (value > -1e300 AND value < 1e300), 
	CONSTRAINT fk_breaker_run_id FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE
);
CREATE TABLE breaker_event (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	seq INTEGER NOT NULL, 
	ts BIGINT NOT NULL, 
	breaker VARCHAR NOT NULL, 
	scope VARCHAR NOT NULL, 
	slot_id INTEGER, 
	action VARCHAR NOT NULL, 
	level VARCHAR NOT NULL, 
	value DOUBLE, 
	threshold DOUBLE, 
	numbers JSON DEFAULT '{}' NOT NULL, 
	reason TEXT DEFAULT '' NOT NULL, 
	until_ts BIGINT, 
	CONSTRAINT pk_breaker_event PRIMARY KEY (id), 
	CONSTRAINT ck_breaker_event_action CHECK (action IN ('trip', 'release', 'end')), 
	CONSTRAINT ck_breaker_event_level CHECK (level IN ('running', 'paused', 'reduce_only', 'halted', 'killed')), 
	CONSTRAINT ck_breaker_event_scope CHECK (scope IN ('slot', 'symbol', 'account')), 
	CONSTRAINT fk_breaker_event_run_id FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE, 
	CONSTRAINT uq_breaker_event_run_id_seq UNIQUE (run_id, seq)
);
CREATE INDEX ix_breaker_event_run_id_ts ON breaker_event (run_id, ts);
CREATE TABLE outage (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	seq INTEGER NOT NULL, 
	from_ts BIGINT NOT NULL, 
	to_ts BIGINT, 
	cause TEXT DEFAULT '' NOT NULL, 
	source TEXT DEFAULT 'none' NOT NULL, 
	frames INTEGER DEFAULT 0 NOT NULL, 
	reason TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_outage PRIMARY KEY (id), 
	CONSTRAINT ck_outage_source CHECK (source IN ('trades', 'candles', 'none')), 
	CONSTRAINT ck_outage_frames_not_negative CHECK (frames >= 0 AND frames < 1e300), 
	CONSTRAINT fk_outage_run_id FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE, 
	CONSTRAINT uq_outage_run_id_seq UNIQUE (run_id, seq)
);
CREATE INDEX ix_outage_run_id_from_ts ON outage (run_id, from_ts);
CREATE TABLE alert (
	id INTEGER NOT NULL, 
	run_id INTEGER, 
	ts BIGINT NOT NULL, 
	severity VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	title VARCHAR NOT NULL, 
	body TEXT DEFAULT '' NOT NULL, 
	dedupe_key VARCHAR, 
	state TEXT DEFAULT 'new' NOT NULL, 
	created_ts BIGINT NOT NULL, acked_ts BIGINT, acked_by TEXT, escalated_ts BIGINT, 
	CONSTRAINT pk_alert PRIMARY KEY (id), 
	CONSTRAINT ck_alert_severity CHECK (severity IN ('info', 'warning', 'critical')), 
	CONSTRAINT ck_alert_state CHECK (state IN ('new', 'sent', 'dead')), 
	CONSTRAINT fk_alert_run_id FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE, 
	CONSTRAINT uq_alert_dedupe_key UNIQUE (dedupe_key)
);
CREATE INDEX ix_alert_state_id ON alert (state, id);
CREATE TABLE snapshot (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	created_ts BIGINT NOT NULL, 
	exchange_ts BIGINT NOT NULL, 
	tape_day VARCHAR NOT NULL, 
	tape_offset BIGINT NOT NULL, 
	tape_seq BIGINT NOT NULL, 
	layout JSON DEFAULT '{}' NOT NULL, 
	kernel_hash VARCHAR NOT NULL, 
	state BLOB NOT NULL, 
	extra JSON DEFAULT '{}' NOT NULL, 
	CONSTRAINT pk_snapshot PRIMARY KEY (id), 
	CONSTRAINT ck_snapshot_tape_offset_not_negative CHECK (tape_offset >= 0 AND tape_offset < 1e300), 
	CONSTRAINT ck_snapshot_tape_seq_not_negative CHECK (tape_seq >= 0 AND tape_seq < 1e300), 
	CONSTRAINT fk_snapshot_run_id FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE
);
CREATE INDEX ix_snapshot_run_id_id ON snapshot (run_id, id);
CREATE TABLE trial (
	id INTEGER NOT NULL, 
	strategy VARCHAR NOT NULL, 
	data_hash VARCHAR NOT NULL, 
	source_hash TEXT DEFAULT '' NOT NULL, 
	origin TEXT DEFAULT '' NOT NULL, 
	created_ts BIGINT NOT NULL, 
	count INTEGER NOT NULL, 
	keys BLOB NOT NULL, 
	sharpes BLOB NOT NULL, 
	job_id INTEGER, 
	run_id INTEGER, 
	CONSTRAINT pk_trial PRIMARY KEY (id), 
	CONSTRAINT ck_trial_count_positive CHECK (count > 0 AND count < 1e300)
);
CREATE INDEX ix_trial_strategy_data_hash ON trial (strategy, data_hash);
CREATE TABLE seal_opening (
	id INTEGER NOT NULL, 
	exchange VARCHAR NOT NULL, 
	symbol VARCHAR NOT NULL, 
	timeframe VARCHAR NOT NULL, 
	strategy VARCHAR NOT NULL, 
	from_ts BIGINT NOT NULL, 
	to_ts BIGINT NOT NULL, 
	opened_ts BIGINT NOT NULL, 
	reason TEXT DEFAULT '' NOT NULL, 
	run_id INTEGER, 
	CONSTRAINT pk_seal_opening PRIMARY KEY (id)
);
CREATE INDEX ix_seal_opening_exchange_symbol_timeframe ON seal_opening (exchange, symbol, timeframe);
CREATE TABLE note (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	created_ts BIGINT NOT NULL, 
	text TEXT DEFAULT '' NOT NULL, 
	verdict TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_note PRIMARY KEY (id), 
	CONSTRAINT fk_note_run_id FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE
);
CREATE INDEX ix_note_run_id_created_ts ON note (run_id, created_ts);
CREATE TABLE "run" (
	id INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	demo BOOLEAN DEFAULT 0 NOT NULL, 
	status VARCHAR NOT NULL, 
	exchange TEXT DEFAULT '' NOT NULL, 
	quote TEXT DEFAULT 'USD' NOT NULL, 
	cash_start FLOAT NOT NULL, 
	finest_tf_ms INTEGER DEFAULT 60000 NOT NULL, 
	anchor_ts BIGINT, 
	created_ts BIGINT NOT NULL, 
	started_ts BIGINT, 
	ended_ts BIGINT, 
	config_version_id INTEGER, 
	data_hash VARCHAR, 
	data_grade VARCHAR, 
	code_hash VARCHAR, 
	params JSON DEFAULT '{}' NOT NULL, 
	stats JSON DEFAULT '{}' NOT NULL, 
	error TEXT, challenger_of INTEGER, twin_of INTEGER, dry BOOLEAN DEFAULT 0 NOT NULL, 
	CONSTRAINT pk_run PRIMARY KEY (id), 
	CONSTRAINT ck_run_kind CHECK (kind IN ('backtest', 'paper', 'live', 'imported')), 
	CONSTRAINT ck_run_status CHECK (status IN ('writing', 'running', 'stopped', 'complete', 'failed')), 
	CONSTRAINT ck_run_cash_start_positive CHECK (cash_start > 0 AND cash_start < 1e300), 
	CONSTRAINT ck_run_finest_tf_ms_not_negative CHECK (finest_tf_ms >= 0 AND finest_tf_ms < 1e300), 
	CONSTRAINT uq_run_name UNIQUE (name)
);
CREATE INDEX ix_run_kind_created_ts ON run (kind, created_ts);
CREATE TABLE journal_entry (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	trade_seq INTEGER, 
	day_ts BIGINT, 
	version INTEGER DEFAULT 1 NOT NULL, 
	note TEXT DEFAULT '' NOT NULL, 
	lesson TEXT DEFAULT '' NOT NULL, 
	rating INTEGER, 
	reviewed BOOLEAN DEFAULT 0 NOT NULL, 
	created_ts BIGINT NOT NULL, 
	updated_ts BIGINT NOT NULL, 
	CONSTRAINT pk_journal_entry PRIMARY KEY (id), 
	CONSTRAINT ck_journal_entry_subject CHECK ((trade_seq IS NULL) <> (day_ts IS NULL)), 
	CONSTRAINT ck_journal_entry_rating CHECK (rating BETWEEN 1 AND 5), 
	CONSTRAINT ck_journal_entry_version_positive CHECK (version > 0 AND version < 1e300), 
	CONSTRAINT fk_journal_entry_run_id FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE, 
	CONSTRAINT uq_journal_entry_run_id_day_ts UNIQUE (run_id, day_ts), 
	CONSTRAINT uq_journal_entry_run_id_trade_seq UNIQUE (run_id, trade_seq)
);
CREATE TABLE journal_word (
	entry_id INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	word TEXT NOT NULL, 
	CONSTRAINT pk_journal_word PRIMARY KEY (entry_id, kind, word), 
	CONSTRAINT ck_journal_word_kind CHECK (kind IN ('tag', 'mistake')), 
	CONSTRAINT fk_journal_word_entry_id FOREIGN KEY(entry_id) REFERENCES journal_entry (id) ON DELETE CASCADE
);
CREATE INDEX ix_journal_word_kind_word ON journal_word (kind, word);
CREATE TABLE journal_conflict (
	id INTEGER NOT NULL, 
	entry_id INTEGER NOT NULL, 
	ts BIGINT NOT NULL, 
	version INTEGER NOT NULL, 
	fields JSON DEFAULT '{}' NOT NULL, 
	CONSTRAINT pk_journal_conflict PRIMARY KEY (id), 
	CONSTRAINT fk_journal_conflict_entry_id FOREIGN KEY(entry_id) REFERENCES journal_entry (id) ON DELETE CASCADE
);
CREATE INDEX ix_journal_conflict_entry_id ON journal_conflict (entry_id);
CREATE VIRTUAL TABLE journal_fts USING fts5(note, lesson, content='journal_entry', content_rowid='id', tokenize='unicode61 remove_diacritics 2');
CREATE TRIGGER journal_fts_insert AFTER INSERT ON journal_entry BEGIN INSERT INTO journal_fts (rowid, note, lesson) VALUES (new.id, new.note, new.lesson); END;
CREATE TRIGGER journal_fts_delete AFTER DELETE ON journal_entry BEGIN INSERT INTO journal_fts (journal_fts, rowid, note, lesson) VALUES ('delete', old.id, old.note, old.lesson); END;
CREATE TRIGGER journal_fts_update AFTER UPDATE OF note, lesson ON journal_entry BEGIN INSERT INTO journal_fts (journal_fts, rowid, note, lesson) VALUES ('delete', old.id, old.note, old.lesson); INSERT INTO journal_fts (rowid, note, lesson) VALUES (new.id, new.note, new.lesson); END;
CREATE TABLE saved_filter (
	id INTEGER NOT NULL, 
	page VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	"query" TEXT DEFAULT '' NOT NULL, 
	created_ts BIGINT NOT NULL, 
	CONSTRAINT pk_saved_filter PRIMARY KEY (id), 
	CONSTRAINT uq_saved_filter_page_name UNIQUE (page, name)
);
CREATE TABLE imported_trade (
	run_id INTEGER NOT NULL, 
	trade_seq INTEGER NOT NULL, 
	"key" VARCHAR NOT NULL, 
	tag TEXT DEFAULT '' NOT NULL, 
	exit_reason TEXT DEFAULT '' NOT NULL, 
	origin JSON DEFAULT '{}' NOT NULL, 
	CONSTRAINT pk_imported_trade PRIMARY KEY (run_id, trade_seq), 
	CONSTRAINT fk_imported_trade_run_id FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE, 
	CONSTRAINT uq_imported_trade_run_id_key UNIQUE (run_id, "key")
);
CREATE INDEX ix_imported_trade_run_id_tag ON imported_trade (run_id, tag);
CREATE INDEX ix_trade_facets ON trade (run_id, exit_ts, seq, pnl, entry_ts, slot_id, symbol, direction, exit_reason, config_version_id, r_multiple, fees, ambiguous, signal_seq);
CREATE TABLE signal_outcome (
	run_id INTEGER NOT NULL, 
	signal_seq INTEGER NOT NULL, 
	base_ts BIGINT, 
	base_price DOUBLE, 
	cost DOUBLE DEFAULT 0 NOT NULL, 
	r1 DOUBLE, 
	r4 DOUBLE, 
	r12 DOUBLE, 
	r24 DOUBLE, 
	r72 DOUBLE, 
	mae DOUBLE, 
	mfe DOUBLE, 
	result DOUBLE, 
	exit_ts BIGINT, 
	exit_reason TEXT DEFAULT '' NOT NULL, 
	held_bars INTEGER, 
	regime TEXT DEFAULT '' NOT NULL, 
	resolved BOOLEAN DEFAULT 0 NOT NULL, 
	updated_ts BIGINT NOT NULL, 
	CONSTRAINT pk_signal_outcome PRIMARY KEY (run_id, signal_seq), 
	CONSTRAINT ck_signal_outcome_base_price_not_negative CHECK (base_price >= 0 AND base_price < 1e300), 
	CONSTRAINT ck_signal_outcome_cost_not_negative CHECK (cost >= 0 AND cost < 1e300), 
	CONSTRAINT ck_signal_outcome_mae_not_negative CHECK (mae >= 0 AND mae < 1e300), 
	CONSTRAINT ck_signal_outcome_mfe_not_negative CHECK (mfe >= 0 AND mfe < 1e300), 
	CONSTRAINT ck_signal_outcome_held_bars_not_negative CHECK (held_bars >= 0 AND held_bars < 1e300), 
	CONSTRAINT ck_signal_outcome_signal_seq_not_negative CHECK (signal_seq >= 0 AND signal_seq < 1e300), 
	CONSTRAINT ck_signal_outcome_r1_finite CHECK (r1 > -1e300 AND r1 < 1e300), 
	CONSTRAINT ck_signal_outcome_r4_finite CHECK (r4 > -1e300 AND r4 < 1e300), 
	CONSTRAINT ck_signal_outcome_r12_finite CHECK (r12 > -1e300 AND r12 < 1e300), 
	CONSTRAINT ck_signal_outcome_r24_finite CHECK (r24 > -1e300 AND r24 < 1e300), 
	CONSTRAINT ck_signal_outcome_r72_finite CHECK (r72 > -1e300 AND r72 < 1e300), 
	CONSTRAINT ck_signal_outcome_result_finite CHECK (result > -1e300 AND result < 1e300), 
	CONSTRAINT fk_signal_outcome_run_id FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
CREATE INDEX ix_signal_outcome_run_id_updated_ts ON signal_outcome (run_id, updated_ts);
CREATE TABLE report_plan (
	id INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	run_id INTEGER NOT NULL, 
	strategy TEXT DEFAULT '' NOT NULL, 
	days INTEGER DEFAULT 0 NOT NULL, 
	sections TEXT DEFAULT '' NOT NULL, 
	every TEXT DEFAULT 'never' NOT NULL, 
	folder TEXT DEFAULT '' NOT NULL, 
	created_ts BIGINT NOT NULL, 
	CONSTRAINT pk_report_plan PRIMARY KEY (id), 
	CONSTRAINT ck_report_plan_days_not_negative CHECK (days >= 0 AND days < 1e300), 
	CONSTRAINT ck_report_plan_every CHECK (every IN ('never', 'daily', 'weekly')), 
	CONSTRAINT fk_report_plan_run_id FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE, 
	CONSTRAINT uq_report_plan_name UNIQUE (name)
);
CREATE INDEX ix_report_plan_run_id ON report_plan (run_id);
CREATE TABLE "job" (
	id INTEGER NOT NULL, 
	uuid VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	title TEXT DEFAULT '' NOT NULL, 
	args JSON DEFAULT '{}' NOT NULL, 
	source VARCHAR NOT NULL, 
	state TEXT DEFAULT 'new' NOT NULL, 
	cancel BOOLEAN DEFAULT 0 NOT NULL, 
	created_ts BIGINT NOT NULL, 
	started_ts BIGINT, 
	heartbeat_ts BIGINT, 
	done_ts BIGINT, 
	progress DOUBLE DEFAULT 0 NOT NULL, 
	message TEXT DEFAULT '' NOT NULL, 
	worker TEXT DEFAULT '' NOT NULL, 
	attempts INTEGER DEFAULT 0 NOT NULL, 
	result JSON DEFAULT '{}' NOT NULL, 
	error TEXT, 
	CONSTRAINT pk_job PRIMARY KEY (id), 
	CONSTRAINT ck_job_state CHECK (state IN ('new', 'running', 'done', 'failed', 'cancelled')), 
	CONSTRAINT ck_job_source CHECK (source IN ('app', 'cli', 'api', 'chat', 'engine')), 
	CONSTRAINT ck_job_progress_not_negative CHECK (progress >= 0 AND progress < 1e300), 
	CONSTRAINT ck_job_attempts_not_negative CHECK (attempts >= 0 AND attempts < 1e300), 
	CONSTRAINT uq_job_uuid UNIQUE (uuid)
);
CREATE INDEX ix_job_state_id ON job (state, id);
CREATE TABLE scheduled (
	name TEXT NOT NULL, 
	due_ts BIGINT NOT NULL, 
	started_ts BIGINT, 
	done_ts BIGINT, 
	next_ts BIGINT, 
	state TEXT DEFAULT 'done' NOT NULL, 
	message TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_scheduled PRIMARY KEY (name), 
	CONSTRAINT ck_scheduled_state CHECK (state IN ('waiting', 'running', 'done', 'failed'))
);
CREATE TABLE alert_delivery (
	id INTEGER NOT NULL, 
	alert_id INTEGER NOT NULL, 
	channel VARCHAR NOT NULL, 
	state TEXT DEFAULT 'new' NOT NULL, 
	tries INTEGER DEFAULT 0 NOT NULL, 
	next_ts BIGINT NOT NULL, 
	sent_ts BIGINT, 
	answer TEXT DEFAULT '' NOT NULL, 
	created_ts BIGINT NOT NULL, 
	CONSTRAINT pk_alert_delivery PRIMARY KEY (id), 
	CONSTRAINT ck_alert_delivery_state CHECK (state IN ('new', 'failed', 'held', 'sent', 'dead', 'summed')), 
	CONSTRAINT ck_alert_delivery_tries_not_negative CHECK (tries >= 0 AND tries < 1e300), 
	CONSTRAINT fk_alert_delivery_alert_id FOREIGN KEY(alert_id) REFERENCES alert (id) ON DELETE CASCADE, 
	CONSTRAINT uq_alert_delivery_alert_id_channel UNIQUE (alert_id, channel)
);
CREATE INDEX ix_alert_delivery_state_id ON alert_delivery (state, id);
CREATE TABLE alert_channel (
	name TEXT NOT NULL, 
	title TEXT DEFAULT '' NOT NULL, 
	state VARCHAR NOT NULL, 
	note TEXT DEFAULT '' NOT NULL, 
	sent_ts BIGINT, 
	updated_ts BIGINT NOT NULL, 
	cursor BIGINT, 
	CONSTRAINT pk_alert_channel PRIMARY KEY (name), 
	CONSTRAINT ck_alert_channel_state CHECK (state IN ('ready', 'missing', 'refused'))
);
CREATE TABLE allocation (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	version INTEGER DEFAULT 0 NOT NULL, 
	ts BIGINT NOT NULL, 
	author VARCHAR NOT NULL, 
	shares JSON DEFAULT '{}' NOT NULL, 
	told JSON DEFAULT '{}' NOT NULL, 
	why TEXT DEFAULT '' NOT NULL, 
	created_ts BIGINT NOT NULL, 
	CONSTRAINT pk_allocation PRIMARY KEY (id), 
	CONSTRAINT ck_allocation_author CHECK (author IN ('engine', 'person')), 
	CONSTRAINT ck_allocation_version_positive CHECK (version > 0 AND version < 1e300), 
	CONSTRAINT fk_allocation_run_id FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE, 
	CONSTRAINT uq_allocation_run_id_version UNIQUE (run_id, version)
);
CREATE TABLE source_weight (
	run_id INTEGER NOT NULL, 
	version INTEGER NOT NULL, 
	source TEXT NOT NULL, 
	regime TEXT NOT NULL, 
	ts BIGINT NOT NULL, 
	author VARCHAR NOT NULL, 
	weight DOUBLE DEFAULT 1 NOT NULL, 
	signals INTEGER DEFAULT 0 NOT NULL, 
	resolved INTEGER DEFAULT 0 NOT NULL, 
	won DOUBLE, 
	mean DOUBLE, 
	in_force BOOLEAN DEFAULT 0 NOT NULL, 
	acts BOOLEAN DEFAULT 0 NOT NULL, 
	why TEXT DEFAULT '' NOT NULL, 
	created_ts BIGINT NOT NULL, 
	CONSTRAINT pk_source_weight PRIMARY KEY (run_id, version, source, regime), 
	CONSTRAINT ck_source_weight_author CHECK (author IN ('engine', 'person')), 
	CONSTRAINT ck_source_weight_weight_not_negative CHECK (weight >= 0 AND weight < 1e300), 
	CONSTRAINT ck_source_weight_signals_not_negative CHECK (signals >= 0 AND signals < 1e300), 
	CONSTRAINT ck_source_weight_resolved_not_negative CHECK (resolved >= 0 AND resolved < 1e300), 
	CONSTRAINT ck_source_weight_won_not_negative CHECK (won >= 0 AND won < 1e300), 
	CONSTRAINT ck_source_weight_mean_finite CHECK (mean > -1e300 AND mean < 1e300), 
	CONSTRAINT fk_source_weight_run_id FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
CREATE INDEX ix_run_challenger_of ON run (challenger_of);
CREATE TABLE ai_call (
	id INTEGER NOT NULL, 
	run_id INTEGER, 
	slot_id INTEGER, 
	purpose TEXT DEFAULT 'live' NOT NULL, 
	strategy VARCHAR NOT NULL, 
	symbol VARCHAR NOT NULL, 
	timeframe_ms INTEGER NOT NULL, 
	about_ts BIGINT NOT NULL, 
	asked_ts BIGINT NOT NULL, 
	created_ts BIGINT NOT NULL, 
	day TEXT DEFAULT '' NOT NULL, 
	state TEXT DEFAULT 'asked' NOT NULL, 
	outcome TEXT DEFAULT '' NOT NULL, 
	mode TEXT DEFAULT '' NOT NULL, 
	model TEXT DEFAULT '' NOT NULL, 
	prompt_name TEXT DEFAULT '' NOT NULL, 
	prompt_hash TEXT DEFAULT '' NOT NULL, 
	prompt_text TEXT DEFAULT '' NOT NULL, 
	context JSON DEFAULT '{}' NOT NULL, 
	reserved DOUBLE DEFAULT 0 NOT NULL, 
	cost DOUBLE DEFAULT 0 NOT NULL, 
	cost_source TEXT DEFAULT '' NOT NULL, 
	tokens_prompt INTEGER DEFAULT 0 NOT NULL, 
	tokens_answer INTEGER DEFAULT 0 NOT NULL, 
	tokens_thought INTEGER DEFAULT 0 NOT NULL, 
	tokens_cached INTEGER DEFAULT 0 NOT NULL, 
	sent_ts BIGINT, 
	done_ts BIGINT, 
	latency_ms DOUBLE, 
	arrived_ts BIGINT, 
	direction INTEGER, 
	confidence DOUBLE, 
	horizon INTEGER, 
	reasons TEXT DEFAULT '' NOT NULL, 
	error TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_ai_call PRIMARY KEY (id), 
	CONSTRAINT ck_ai_call_state CHECK (state IN ('asked', 'reserved', 'done')), 
	CONSTRAINT ck_ai_call_purpose CHECK (purpose IN ('live', 'backfill')), 
	CONSTRAINT ck_ai_call_outcome CHECK (outcome IN ('', 'answered', 'abstained', 'timeout', 'no_credit', 'rate_limited', 'refused', 'unavailable', 'garbage', 'no_model', 'no_price', 'no_key', 'budget', 'prompt', 'expired', 'lost')), 
	CONSTRAINT ck_ai_call_reserved_not_negative CHECK (reserved >= 0 AND reserved < 1e300), 
	CONSTRAINT ck_ai_call_cost_not_negative CHECK (cost >= 0 AND cost < 1e300), 
	CONSTRAINT ck_ai_call_tokens_prompt_not_negative CHECK (tokens_prompt >= 0 AND tokens_prompt < 1e300), 
	CONSTRAINT ck_ai_call_tokens_answer_not_negative CHECK (tokens_answer >= 0 AND tokens_answer < 1e300), 
	CONSTRAINT ck_ai_call_tokens_thought_not_negative CHECK (tokens_thought >= 0 AND tokens_thought < 1e300), 
	CONSTRAINT ck_ai_call_tokens_cached_not_negative CHECK (tokens_cached >= 0 AND tokens_cached < 1e300), 
	CONSTRAINT ck_ai_call_latency_ms_not_negative CHECK (latency_ms >= 0 AND latency_ms < 1e300), 
	CONSTRAINT ck_ai_call_confidence_finite CHECK (confidence > -1e300 AND confidence < 1e300), 
	CONSTRAINT fk_ai_call_run_id FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE, 
	CONSTRAINT fk_ai_call_slot_id FOREIGN KEY(slot_id) REFERENCES slot (id) ON DELETE CASCADE
);
CREATE INDEX ix_ai_call_day ON ai_call (day);
CREATE INDEX ix_ai_call_run_id_about_ts ON ai_call (run_id, about_ts);
CREATE INDEX ix_ai_call_strategy_symbol_timeframe_ms_about_ts ON ai_call (strategy, symbol, timeframe_ms, about_ts);
CREATE INDEX ix_ai_call_state ON ai_call (state);
CREATE TABLE "signal" (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	seq INTEGER NOT NULL, 
	slot_id INTEGER NOT NULL, 
	decided_ts BIGINT NOT NULL, 
	known_ts BIGINT NOT NULL, 
	kind VARCHAR NOT NULL, 
	direction INTEGER NOT NULL, 
	stop_distance DOUBLE, 
	target_distance DOUBLE, 
	trail_distance DOUBLE, 
	limit_offset DOUBLE, 
	strength DOUBLE, 
	volatility DOUBLE, 
	tag TEXT DEFAULT ('') NOT NULL, 
	status VARCHAR NOT NULL, 
	reason TEXT DEFAULT ('') NOT NULL, 
	price DOUBLE, 
	order_seq INTEGER, 
	config_version_id INTEGER, 
	source_hash TEXT DEFAULT ('') NOT NULL, 
	checks JSON DEFAULT '{}' NOT NULL, 
	source TEXT DEFAULT 'rule' NOT NULL, 
	model TEXT DEFAULT '' NOT NULL, 
	prompt TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_signal PRIMARY KEY (id), 
	CONSTRAINT fk_signal_slot_id FOREIGN KEY(slot_id) REFERENCES slot (id) ON DELETE CASCADE, 
	CONSTRAINT ck_signal_known_ts_after_decided_ts CHECK (known_ts >= decided_ts), 
	CONSTRAINT ck_signal_price_not_negative CHECK (price >= 0 AND price < 1e300), 
	CONSTRAINT ck_signal_kind CHECK (kind IN ('entry', 'exit', 'flip')), 
	CONSTRAINT ck_signal_target_distance_not_negative CHECK (target_distance >= 0 AND target_distance < 1e300), 
	CONSTRAINT ck_signal_limit_offset_not_negative CHECK (limit_offset >= 0 AND limit_offset < 1e300), 
	CONSTRAINT ck_signal_status CHECK (status IN ('taken', 'refused', 'missed', 'ignored')), 
	CONSTRAINT uq_signal_run_id_seq UNIQUE (run_id, seq), 
	CONSTRAINT ck_signal_trail_distance_not_negative CHECK (trail_distance >= 0 AND trail_distance < 1e300), 
	CONSTRAINT ck_signal_direction CHECK (direction IN (-1, 0, 1)), 
	CONSTRAINT ck_signal_stop_distance_not_negative CHECK (stop_distance >= 0 AND stop_distance < 1e300), 
	CONSTRAINT fk_signal_config_version_id FOREIGN KEY(config_version_id) REFERENCES config_version (id) ON DELETE CASCADE, 
	CONSTRAINT fk_signal_run_id FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE, 
	CONSTRAINT ck_signal_source CHECK (source IN ('rule', 'ai'))
);
CREATE INDEX ix_signal_run_id_decided_ts ON signal (run_id, decided_ts);
CREATE INDEX ix_signal_run_id_tag ON signal (run_id, tag);
CREATE INDEX ix_signal_model ON signal (run_id, seq) WHERE source = 'ai';
CREATE INDEX ix_run_twin_of ON run (twin_of);
CREATE TABLE "engine_status" (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	pid INTEGER NOT NULL, 
	host TEXT DEFAULT '' NOT NULL, 
	version TEXT DEFAULT '' NOT NULL, 
	mode VARCHAR NOT NULL, 
	demo BOOLEAN DEFAULT 0 NOT NULL, 
	state VARCHAR NOT NULL, 
	started_ts BIGINT NOT NULL, 
	heartbeat_ts BIGINT NOT NULL, 
	exchange_ts BIGINT, 
	last_bar_ts BIGINT, 
	speed DOUBLE DEFAULT 1 NOT NULL, 
	feed TEXT DEFAULT '' NOT NULL, 
	lag_ms DOUBLE, 
	rss_mb DOUBLE, 
	counters JSON DEFAULT '{}' NOT NULL, 
	message TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_engine_status PRIMARY KEY (id), 
	CONSTRAINT ck_engine_status_mode CHECK (mode IN ('paper', 'dry', 'live')), 
	CONSTRAINT ck_engine_status_state CHECK (state IN ('starting', 'recovering', 'running', 'paused', 'reduce_only', 'halted', 'killed', 'stopped')), 
	CONSTRAINT ck_engine_status_speed_not_negative CHECK (speed >= 0 AND speed < 1e300), 
	CONSTRAINT fk_engine_status_run_id FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE, 
	CONSTRAINT uq_engine_status_run_id UNIQUE (run_id)
);
CREATE TABLE "command" (
	id INTEGER NOT NULL, 
	uuid VARCHAR NOT NULL, 
	run_id INTEGER, 
	kind VARCHAR NOT NULL, 
	args JSON DEFAULT '{}' NOT NULL, 
	source VARCHAR NOT NULL, 
	created_ts BIGINT NOT NULL, 
	state TEXT DEFAULT 'new' NOT NULL, 
	acked_ts BIGINT, 
	result TEXT, 
	CONSTRAINT pk_command PRIMARY KEY (id), 
	CONSTRAINT ck_command_kind CHECK (kind IN ('pause', 'resume', 'kill', 'close', 'tighten_stop', 'slot_on', 'slot_off', 'cash', 'release', 'alert_test', 'alert_ack', 'alert_resend', 'shares', 'weights', 'settle')), 
	CONSTRAINT ck_command_source CHECK (source IN ('app', 'cli', 'api', 'chat', 'engine')), 
	CONSTRAINT ck_command_state CHECK (state IN ('new', 'done', 'refused')), 
	CONSTRAINT fk_command_run_id FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE, 
	CONSTRAINT uq_command_uuid UNIQUE (uuid)
);
CREATE INDEX ix_command_run_id_id ON command (run_id, id);
CREATE INDEX ix_command_state_id ON command (state, id);
CREATE TABLE intent (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	slot_id INTEGER, 
	slot_key TEXT DEFAULT '' NOT NULL, 
	order_seq INTEGER, 
	trade_seq INTEGER, 
	client_order_id VARCHAR NOT NULL, 
	decision_key VARCHAR NOT NULL, 
	symbol VARCHAR NOT NULL, 
	role VARCHAR NOT NULL, 
	purpose TEXT DEFAULT '' NOT NULL, 
	side VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	qty VARCHAR NOT NULL, 
	limit_price TEXT, 
	stop_price TEXT, 
	filled TEXT DEFAULT '0' NOT NULL, 
	reserved DOUBLE DEFAULT 0 NOT NULL, 
	risk JSON DEFAULT '{}' NOT NULL, 
	state VARCHAR NOT NULL, 
	reason TEXT DEFAULT '' NOT NULL, 
	anomaly TEXT DEFAULT '' NOT NULL, 
	venue_order_id TEXT DEFAULT '' NOT NULL, 
	created_ts BIGINT NOT NULL, 
	sent_ts BIGINT, 
	expires_ts BIGINT, 
	good_till_ts BIGINT, 
	done_ts BIGINT, 
	look_ups INTEGER DEFAULT 0 NOT NULL, 
	not_found INTEGER DEFAULT 0 NOT NULL, 
	rev INTEGER DEFAULT 0 NOT NULL, 
	CONSTRAINT pk_intent PRIMARY KEY (id), 
	CONSTRAINT ck_intent_state CHECK (state IN ('planned', 'denied', 'ready', 'sending', 'acked', 'partial', 'filled', 'canceling', 'canceled', 'expired', 'rejected', 'unknown', 'not_placed', 'quarantined')), 
	CONSTRAINT ck_intent_role CHECK (role IN ('entry', 'exit', 'stop', 'recovered')), 
	CONSTRAINT ck_intent_side CHECK (side IN ('buy', 'sell')), 
	CONSTRAINT ck_intent_kind CHECK (kind IN ('market', 'limit', 'stop', 'stop_limit')), 
	CONSTRAINT ck_intent_reserved_not_negative CHECK (reserved >= 0 AND reserved < 1e300), 
	CONSTRAINT ck_intent_look_ups_not_negative CHECK (look_ups >= 0 AND look_ups < 1e300), 
	CONSTRAINT ck_intent_not_found_not_negative CHECK (not_found >= 0 AND not_found < 1e300), 
	CONSTRAINT fk_intent_run_id FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE, 
	CONSTRAINT fk_intent_slot_id FOREIGN KEY(slot_id) REFERENCES slot (id) ON DELETE CASCADE, 
	CONSTRAINT uq_intent_client_order_id UNIQUE (client_order_id), 
	CONSTRAINT uq_intent_decision_key UNIQUE (decision_key)
);
CREATE INDEX ix_intent_run_id_created_ts ON intent (run_id, created_ts);
CREATE INDEX ix_intent_open ON intent (run_id) WHERE state <> 'denied' AND state <> 'filled' AND state <> 'canceled' AND state <> 'expired' AND state <> 'rejected' AND state <> 'not_placed';
CREATE INDEX ix_intent_venue_order ON intent (run_id, venue_order_id);
CREATE INDEX ix_intent_order ON intent (run_id, order_seq);
CREATE TABLE order_event (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	intent_id INTEGER NOT NULL, 
	seq INTEGER NOT NULL, 
	ts BIGINT NOT NULL, 
	source VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	filled TEXT DEFAULT '0' NOT NULL, 
	said TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_order_event PRIMARY KEY (id), 
	CONSTRAINT ck_order_event_source CHECK (source IN ('engine', 'ack', 'look_up', 'poll', 'trade', 'reconcile', 'person')), 
	CONSTRAINT ck_order_event_state CHECK (state IN ('planned', 'denied', 'ready', 'sending', 'acked', 'partial', 'filled', 'canceling', 'canceled', 'expired', 'rejected', 'unknown', 'not_placed', 'quarantined')), 
	CONSTRAINT fk_order_event_run_id FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE, 
	CONSTRAINT fk_order_event_intent_id FOREIGN KEY(intent_id) REFERENCES intent (id) ON DELETE CASCADE, 
	CONSTRAINT uq_order_event_intent_id_seq UNIQUE (intent_id, seq)
);
CREATE INDEX ix_order_event_run_id_ts ON order_event (run_id, ts);
CREATE TABLE protection (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	slot_id INTEGER NOT NULL, 
	intent_id INTEGER, 
	symbol VARCHAR NOT NULL, 
	trade_seq INTEGER, 
	qty FLOAT NOT NULL, 
	stop DOUBLE, 
	wanted FLOAT NOT NULL, 
	state VARCHAR NOT NULL, 
	reason TEXT DEFAULT '' NOT NULL, 
	bare_ts BIGINT, 
	since_ts BIGINT NOT NULL, 
	ended_ts BIGINT, 
	CONSTRAINT pk_protection PRIMARY KEY (id), 
	CONSTRAINT ck_protection_state CHECK (state IN ('live', 'ended')), 
	CONSTRAINT ck_protection_stop_not_negative CHECK (stop >= 0 AND stop < 1e300), 
	CONSTRAINT ck_protection_wanted_not_negative CHECK (wanted >= 0 AND wanted < 1e300), 
	CONSTRAINT fk_protection_run_id FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE, 
	CONSTRAINT fk_protection_slot_id FOREIGN KEY(slot_id) REFERENCES slot (id) ON DELETE CASCADE, 
	CONSTRAINT fk_protection_intent_id FOREIGN KEY(intent_id) REFERENCES intent (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX uq_protection_live ON protection (run_id, slot_id) WHERE state = 'live';
CREATE INDEX ix_protection_intent_id ON protection (intent_id);
CREATE TABLE external_trade (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	symbol VARCHAR NOT NULL, 
	venue_trade_id VARCHAR NOT NULL, 
	venue_order_id TEXT DEFAULT '' NOT NULL, 
	client_order_id TEXT DEFAULT '' NOT NULL, 
	side VARCHAR NOT NULL, 
	qty VARCHAR NOT NULL, 
	price VARCHAR NOT NULL, 
	fee TEXT DEFAULT '0' NOT NULL, 
	fee_currency TEXT DEFAULT '' NOT NULL, 
	ts BIGINT NOT NULL, 
	seen_ts BIGINT NOT NULL, 
	touched BOOLEAN DEFAULT 0 NOT NULL, 
	reason TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_external_trade PRIMARY KEY (id), 
	CONSTRAINT ck_external_trade_side CHECK (side IN ('buy', 'sell')), 
	CONSTRAINT fk_external_trade_run_id FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE, 
	CONSTRAINT uq_external_trade_run_id_symbol_venue_trade_id UNIQUE (run_id, symbol, venue_trade_id)
);
CREATE INDEX ix_external_trade_run_id_ts ON external_trade (run_id, ts);
CREATE TABLE cash_flow (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	flow_id VARCHAR NOT NULL, 
	ts BIGINT NOT NULL, 
	amount FLOAT NOT NULL, 
	currency VARCHAR NOT NULL, 
	taken BOOLEAN DEFAULT 0 NOT NULL, 
	text TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_cash_flow PRIMARY KEY (id), 
	CONSTRAINT ck_cash_flow_amount_finite CHECK (amount > -1e300 AND amount < 1e300), 
	CONSTRAINT fk_cash_flow_run_id FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE, 
	CONSTRAINT uq_cash_flow_run_id_flow_id UNIQUE (run_id, flow_id)
);
CREATE UNIQUE INDEX uq_fill_venue_trade ON fill (run_id, symbol, venue_trade_id);
CREATE TRIGGER intent_stays_over BEFORE UPDATE OF state ON intent WHEN OLD.state IN ('denied', 'filled', 'canceled', 'expired', 'rejected', 'not_placed') AND NEW.state <> OLD.state BEGIN SELECT RAISE(ABORT, 'an intent never leaves a terminal state'); END;
CREATE TRIGGER order_event_stays BEFORE UPDATE ON order_event BEGIN SELECT RAISE(ABORT, 'order events are only ever added'); END;
CREATE INDEX ix_alert_run_id_ts ON alert (run_id, ts);
CREATE INDEX ix_alert_kind_id ON alert (kind, id);
CREATE TABLE "watermark" (
	run_id INTEGER NOT NULL, 
	stream TEXT NOT NULL, 
	symbol TEXT NOT NULL, 
	ts BIGINT NOT NULL, 
	CONSTRAINT pk_watermark PRIMARY KEY (run_id, stream, symbol), 
	CONSTRAINT ck_watermark_stream CHECK (stream IN ('trades', 'flows', 'silence')), 
	CONSTRAINT fk_watermark_run_id FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE
);
INSERT INTO alembic_version VALUES ('0018');
