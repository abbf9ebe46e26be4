import { type Kysely, sql } from 'kysely'

/**
 * Incoming and outgoing messages share one count, `seq`, which is their order. `open` marks what is unfinished;
 * the partial indexes over it are the lanes, so that no query on the way of a message grows with the tables.
 * `conversation` is an index of both by person, filled in batches (see conversation-index.ts).
 * What must be found again by a key of the service lives in tables of its own with an expiry.
 */
const statements = [
  `CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
  `INSERT INTO counters VALUES ('seq', 0), ('epoch', 0), ('indexed', 0)`,

  `CREATE TABLE contacts (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, language TEXT, time_zone TEXT,
    opted_out_at INTEGER, created_at INTEGER NOT NULL, folded_name TEXT NOT NULL) STRICT, WITHOUT ROWID`,
  `CREATE TABLE connections (
    backend TEXT NOT NULL, identity TEXT NOT NULL, contact_id TEXT REFERENCES contacts (id) ON DELETE SET NULL,
    created_at INTEGER NOT NULL, last_heard_at INTEGER,
    PRIMARY KEY (backend, identity)) STRICT, WITHOUT ROWID`,
  `CREATE INDEX connections_contact ON connections (contact_id) WHERE contact_id IS NOT NULL`,
  `CREATE TABLE addresses (
    backend TEXT NOT NULL, address TEXT NOT NULL, label TEXT, created_at INTEGER NOT NULL,
    PRIMARY KEY (backend, address)) STRICT, WITHOUT ROWID`,
  `CREATE TABLE group_members (
    group_name TEXT NOT NULL, contact_id TEXT NOT NULL REFERENCES contacts (id) ON DELETE CASCADE,
    PRIMARY KEY (group_name, contact_id)) STRICT, WITHOUT ROWID`,
  `CREATE INDEX group_members_contact ON group_members (contact_id)`,
  `CREATE TABLE import_lines (
    import_id TEXT NOT NULL, line INTEGER NOT NULL, data TEXT NOT NULL, staged_at INTEGER NOT NULL,
    PRIMARY KEY (import_id, line)) STRICT, WITHOUT ROWID`,
  `CREATE INDEX import_lines_time ON import_lines (staged_at)`,

  `CREATE TABLE incoming (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL, backend TEXT NOT NULL, identity TEXT NOT NULL, address TEXT,
    text TEXT NOT NULL, fields TEXT NOT NULL, external_id TEXT, received_at INTEGER NOT NULL, answer_by INTEGER,
    state TEXT NOT NULL, open INTEGER NOT NULL, not_before INTEGER NOT NULL, tries INTEGER NOT NULL,
    handled_by TEXT, error TEXT, processed_at INTEGER) STRICT`,
  `CREATE UNIQUE INDEX incoming_id ON incoming (id)`,
  `CREATE INDEX incoming_lane ON incoming (backend, identity, seq) WHERE open = 1`,
  `CREATE INDEX incoming_failed ON incoming (seq) WHERE state = 'FAILED'`,
  `CREATE TABLE duplicates (
    backend TEXT NOT NULL, identity TEXT NOT NULL, external_id TEXT NOT NULL, message_id TEXT NOT NULL,
    expires_at INTEGER NOT NULL, PRIMARY KEY (backend, identity, external_id)) STRICT, WITHOUT ROWID`,
  `CREATE INDEX duplicates_expiry ON duplicates (expires_at)`,
  `CREATE TABLE content_windows (
    backend TEXT NOT NULL, identity TEXT NOT NULL, message_id TEXT NOT NULL, expires_at INTEGER NOT NULL,
    PRIMARY KEY (backend, identity)) STRICT, WITHOUT ROWID`,
  `CREATE INDEX content_windows_expiry ON content_windows (expires_at)`,

  `CREATE TABLE outgoing (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL, backend TEXT NOT NULL, identity TEXT NOT NULL, address TEXT,
    text TEXT NOT NULL, class TEXT NOT NULL, data TEXT NOT NULL, in_response_to TEXT, via TEXT NOT NULL,
    parts INTEGER NOT NULL, state TEXT NOT NULL, timed_out INTEGER NOT NULL DEFAULT 0,
    open INTEGER NOT NULL, phased INTEGER NOT NULL, attempt_at INTEGER, first_attempt_at INTEGER, tries INTEGER NOT NULL,
    not_before INTEGER NOT NULL, expires_at INTEGER, contact_id TEXT, tag TEXT, template TEXT, related_to TEXT,
    code TEXT, error TEXT, sender_data TEXT, created_at INTEGER NOT NULL, changed_at INTEGER NOT NULL,
    sent_at INTEGER, delivered_at INTEGER, route TEXT, broadcast_id TEXT) STRICT`,
  `CREATE UNIQUE INDEX outgoing_id ON outgoing (id)`,
  `CREATE INDEX outgoing_broadcast ON outgoing (broadcast_id, state) WHERE broadcast_id IS NOT NULL`,
  `CREATE INDEX outgoing_broadcast_open ON outgoing (broadcast_id) WHERE broadcast_id IS NOT NULL AND open = 1`,
  `CREATE TABLE conversation (
    backend TEXT NOT NULL, identity TEXT NOT NULL, seq INTEGER NOT NULL, outgoing INTEGER NOT NULL,
    PRIMARY KEY (backend, identity, seq)) STRICT, WITHOUT ROWID`,
  `CREATE INDEX outgoing_lane ON outgoing (backend, class, identity, seq) WHERE open = 1`,
  `CREATE INDEX outgoing_answering ON outgoing (in_response_to) WHERE open = 1 AND in_response_to IS NOT NULL`,
  `CREATE INDEX outgoing_routed ON outgoing (backend, seq) WHERE open = 1 AND route IS NOT NULL`,
  `CREATE INDEX outgoing_failed ON outgoing (seq) WHERE state = 'ERROR'`,
  `CREATE INDEX outgoing_unknown ON outgoing (seq) WHERE state = 'UNKNOWN'`,
  `CREATE INDEX outgoing_unconfirmed ON outgoing (seq) WHERE open = 0 AND state = 'SENDING'`,
  `CREATE TABLE attempts (
    outgoing_seq INTEGER NOT NULL, number INTEGER NOT NULL, backend TEXT NOT NULL, started_at INTEGER,
    finished_at INTEGER NOT NULL, outcome TEXT NOT NULL, code TEXT, provider_code TEXT, error TEXT,
    cost REAL, currency TEXT, network TEXT, reason TEXT, estimated INTEGER,
    PRIMARY KEY (outgoing_seq, number)) STRICT, WITHOUT ROWID`,
  `CREATE TABLE external_ids (
    backend TEXT NOT NULL, external_id TEXT NOT NULL, outgoing_seq INTEGER NOT NULL, created_at INTEGER NOT NULL,
    superseded INTEGER NOT NULL, part_group INTEGER, part_state TEXT,
    PRIMARY KEY (backend, external_id)) STRICT, WITHOUT ROWID`,
  `CREATE INDEX external_ids_message ON external_ids (outgoing_seq)`,
  `CREATE TABLE reports (
    id INTEGER PRIMARY KEY, backend TEXT NOT NULL, external_id TEXT, identity TEXT, state TEXT, expired INTEGER NOT NULL,
    code TEXT, text TEXT, fields TEXT, received_at INTEGER NOT NULL, outgoing_seq INTEGER) STRICT`,
  `CREATE INDEX reports_parked ON reports (backend, external_id) WHERE outgoing_seq IS NULL`,
  `CREATE INDEX reports_unmatched ON reports (received_at) WHERE outgoing_seq IS NULL`,
  `CREATE INDEX reports_message ON reports (outgoing_seq) WHERE outgoing_seq IS NOT NULL`,
  `CREATE INDEX reports_by_number ON reports (backend, identity, received_at) WHERE external_id IS NULL`,
  `CREATE TABLE idempotency_keys (
    key TEXT PRIMARY KEY, result TEXT NOT NULL, expires_at INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
  `CREATE INDEX idempotency_expiry ON idempotency_keys (expires_at)`,

  `CREATE TABLE documents (
    scope TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, version INTEGER NOT NULL,
    PRIMARY KEY (scope, key)) STRICT, WITHOUT ROWID`,
  `CREATE TABLE effects (
    message_id TEXT NOT NULL, key TEXT NOT NULL, result TEXT, at INTEGER NOT NULL,
    PRIMARY KEY (message_id, key)) STRICT, WITHOUT ROWID`,

  `CREATE TABLE part_groups (
    id TEXT PRIMARY KEY, backend TEXT NOT NULL, identity TEXT NOT NULL, address TEXT NOT NULL, reference TEXT NOT NULL,
    total INTEGER NOT NULL, due_at INTEGER NOT NULL, current INTEGER NOT NULL, message_id TEXT,
    forget_at INTEGER) STRICT, WITHOUT ROWID`,
  `CREATE UNIQUE INDEX part_groups_current ON part_groups (backend, identity, address, reference, total)
    WHERE current = 1`,
  `CREATE INDEX part_groups_due ON part_groups (due_at, id) WHERE message_id IS NULL`,
  `CREATE INDEX part_groups_forget ON part_groups (forget_at) WHERE message_id IS NOT NULL`,
  `CREATE TABLE parts (
    group_id TEXT NOT NULL, number INTEGER NOT NULL, text TEXT, hex TEXT, coding TEXT, fields TEXT NOT NULL,
    external_id TEXT, digest TEXT NOT NULL, PRIMARY KEY (group_id, number)) STRICT, WITHOUT ROWID`,
  `CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, message_id TEXT NOT NULL UNIQUE, backend TEXT NOT NULL,
    identity TEXT NOT NULL, address TEXT, text TEXT NOT NULL, device TEXT, leased_until INTEGER NOT NULL,
    tries INTEGER NOT NULL, expires_at INTEGER, despite_opt_out INTEGER NOT NULL) STRICT`,
  `CREATE INDEX outbox_expiry ON outbox (expires_at) WHERE expires_at IS NOT NULL`,
  `CREATE INDEX outbox_backend ON outbox (backend, seq)`,
  `CREATE INDEX outbox_identity ON outbox (backend, identity, seq)`,
  `CREATE TABLE backend_memory (
    backend TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (backend, key)) STRICT, WITHOUT ROWID`,
  `CREATE TABLE pauses (
    backend TEXT PRIMARY KEY, cause TEXT NOT NULL, reason TEXT NOT NULL, since INTEGER NOT NULL,
    probes INTEGER NOT NULL, probe_at INTEGER) STRICT, WITHOUT ROWID`,
  `CREATE TABLE usage (
    name TEXT PRIMARY KEY, messages INTEGER NOT NULL, parts INTEGER NOT NULL, cost REAL NOT NULL,
    expires_at INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
  `CREATE INDEX usage_expiry ON usage (expires_at)`,
  `CREATE TABLE leases (name TEXT PRIMARY KEY, holder TEXT NOT NULL, until INTEGER NOT NULL) STRICT, WITHOUT ROWID`,

  `CREATE TABLE broadcasts (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, name TEXT, tag TEXT, key TEXT UNIQUE,
    state TEXT NOT NULL, reason TEXT, request TEXT NOT NULL, start_at INTEGER NOT NULL, created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL, ended_at INTEGER, holder TEXT NOT NULL, held_until INTEGER NOT NULL,
    recipients INTEGER NOT NULL DEFAULT 0, duplicates INTEGER NOT NULL DEFAULT 0, faults INTEGER NOT NULL DEFAULT 0,
    expanded INTEGER NOT NULL DEFAULT 0, cursor INTEGER NOT NULL DEFAULT 0, messages INTEGER NOT NULL DEFAULT 0,
    held INTEGER NOT NULL DEFAULT 0, cost REAL NOT NULL DEFAULT 0, costed INTEGER NOT NULL DEFAULT 0,
    cost_cursor INTEGER NOT NULL DEFAULT 0) STRICT`,
  `CREATE INDEX broadcasts_unended ON broadcasts (number) WHERE ended_at IS NULL`,
  `CREATE INDEX broadcasts_ended ON broadcasts (ended_at) WHERE ended_at IS NOT NULL`,
  `CREATE TABLE broadcast_recipients (
    broadcast INTEGER NOT NULL, position INTEGER NOT NULL, backend TEXT NOT NULL, identity TEXT NOT NULL, params TEXT,
    PRIMARY KEY (broadcast, position)) STRICT, WITHOUT ROWID`,
  `CREATE UNIQUE INDEX broadcast_recipients_identity ON broadcast_recipients (broadcast, identity)`,
  `CREATE TABLE broadcast_faults (
    broadcast INTEGER NOT NULL, position INTEGER NOT NULL, error TEXT NOT NULL,
    PRIMARY KEY (broadcast, position)) STRICT, WITHOUT ROWID`,
  `CREATE TABLE nudges (id INTEGER PRIMARY KEY, lane TEXT NOT NULL) STRICT`,

  `CREATE TABLE templates (
    slug TEXT PRIMARY KEY, body TEXT NOT NULL, active INTEGER NOT NULL, locked INTEGER NOT NULL,
    allow_duplicates INTEGER NOT NULL, created_at INTEGER NOT NULL, changed_at INTEGER NOT NULL,
    version INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
  `CREATE TABLE sole_messages (
    key TEXT PRIMARY KEY, message_id TEXT NOT NULL, recorded_at INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
  `CREATE INDEX sole_messages_time ON sole_messages (recorded_at)`,

  `CREATE TABLE callbacks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, user_name TEXT, name TEXT NOT NULL, url TEXT NOT NULL, target TEXT NOT NULL,
    format TEXT NOT NULL, backends TEXT, secret TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    revision INTEGER NOT NULL DEFAULT 1, disabled_at INTEGER, disabled_reason TEXT) STRICT`,
  `CREATE INDEX callbacks_user ON callbacks (user_name)`,
  `CREATE TABLE callback_deliveries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, callback INTEGER NOT NULL, target TEXT NOT NULL,
    name TEXT NOT NULL, at INTEGER NOT NULL, message_id TEXT NOT NULL, backend TEXT NOT NULL, identity TEXT NOT NULL,
    address TEXT, text TEXT NOT NULL, recorded_at INTEGER NOT NULL, external_id TEXT, fields TEXT, state TEXT,
    in_response_to TEXT, code TEXT, error TEXT, sent_at INTEGER, delivered_at INTEGER, tries INTEGER NOT NULL DEFAULT 0,
    since INTEGER NOT NULL, not_before INTEGER NOT NULL DEFAULT 0, leased_until INTEGER NOT NULL DEFAULT 0, holder TEXT,
    status INTEGER, failure TEXT, dead_at INTEGER) STRICT`,
  `CREATE INDEX callback_deliveries_lane ON callback_deliveries (target, identity, seq) WHERE dead_at IS NULL`,
  `CREATE INDEX callback_deliveries_waiting ON callback_deliveries (target, seq) WHERE dead_at IS NULL`,
  `CREATE INDEX callback_deliveries_later ON callback_deliveries (target) WHERE dead_at IS NULL AND not_before > 0`,
  `CREATE INDEX callback_deliveries_callback ON callback_deliveries (callback, dead_at, seq)`,
  `CREATE INDEX callback_deliveries_dead ON callback_deliveries (dead_at) WHERE dead_at IS NOT NULL`,
  `CREATE INDEX callback_deliveries_dead_seq ON callback_deliveries (seq, callback) WHERE dead_at IS NOT NULL`,
  `CREATE TABLE callback_holds (
    target TEXT PRIMARY KEY, until INTEGER NOT NULL, failures INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
  `CREATE INDEX callback_holds_until ON callback_holds (until)`,
]

/** Everything the first version keeps. */
export const first = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db)
  },
}
