import { type Kysely, sql } from 'kysely'
import { callbackFunctions } from './callback-functions.ts'

const TEXT = 'text COLLATE "C"'

const INCOMING = `
    seq bigint NOT NULL, id ${TEXT} NOT NULL, backend ${TEXT} NOT NULL, identity ${TEXT} NOT NULL, address text,
    text text NOT NULL, fields text NOT NULL, external_id text, received_at bigint NOT NULL, answer_by bigint,
    state ${TEXT} NOT NULL, tries integer NOT NULL, handled_by text, error text, processed_at bigint`

const OUTGOING = `
    seq bigint NOT NULL, id ${TEXT} NOT NULL, backend ${TEXT} NOT NULL, identity ${TEXT} NOT NULL, address text,
    text text NOT NULL, class ${TEXT} NOT NULL, data text NOT NULL, in_response_to ${TEXT}, via ${TEXT} NOT NULL,
    parts integer NOT NULL, state ${TEXT} NOT NULL, timed_out boolean NOT NULL, phased boolean NOT NULL,
    attempt_at bigint, first_attempt_at bigint, tries integer NOT NULL, not_before bigint NOT NULL, expires_at bigint,
    contact_id text, tag text, template text, related_to text, code text, error text, sender_data text,
    created_at bigint NOT NULL, changed_at bigint NOT NULL, sent_at bigint, delivered_at bigint,
    attempts text NOT NULL, route text, broadcast_id ${TEXT}`

const person = 'hashtextextended(backend || chr(10) || identity, 0), seq'

// Told apart from the state, so that a report that moves SENT to DELIVERED touches no index. Outgoing messages that were
// never confirmed are found by it as well.
const failed = (states: string) => `
    failed ${TEXT} GENERATED ALWAYS AS (CASE WHEN state IN (${states}) THEN state END) STORED`

// Messages in hand are written over several times within a second, and gone: their pages keep room for that.
const BUSY = `WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 5000)`

/** Rows lie nearly in the order of their numbers: a few bytes for each stretch of pages, and next to nothing for a row. */
const BY_SEQ = 'USING brin (seq) WITH (pages_per_range = 32, autosummarize = on)'

/**
 * A message lives in one of two tables for its direction. `…_open` holds what is unfinished, with its lane: small however
 * many messages there are, and the only one that claims read. `incoming` and `outgoing` hold what is finished, whole
 * rows, written once. They are partitioned by `id`: ids are UUIDs of version 7, whose order is that of time, so a
 * partition is a week, an id is unique over all of them, and whoever knows a message's id finds its partition. A week
 * that is old is dropped as a file, not row by row. What no partition fits lies in the default one.
 *
 * What must be found again by a key of the service stands outside, with an expiry: duplicates, content windows, external
 * ids. Keys are bounded (keys.ts): an index takes no long texts. `attempts` are lines of JSON beside their message,
 * since they are read with it alone.
 */
const statements = [
  `CREATE SEQUENCE message_seq CACHE 1`,
  `CREATE SEQUENCE fence_token CACHE 1`,
  `CREATE TABLE lanes (key ${TEXT} PRIMARY KEY, token bigint NOT NULL, claimed_at bigint NOT NULL) ${BUSY}`,
  `CREATE TABLE counters (name ${TEXT} PRIMARY KEY, value bigint NOT NULL) WITH (fillfactor = 10)`,

  `CREATE TABLE contacts (
    id ${TEXT} PRIMARY KEY, name text NOT NULL, language text, time_zone text,
    opted_out_at bigint, created_at bigint NOT NULL, folded_name text NOT NULL)`,
  `CREATE TABLE connections (
    key ${TEXT} PRIMARY KEY, backend ${TEXT} NOT NULL, identity ${TEXT} NOT NULL,
    contact_id ${TEXT} REFERENCES contacts (id) ON DELETE SET NULL,
    created_at bigint NOT NULL, last_heard_at bigint)`,
  `CREATE INDEX connections_contact ON connections (contact_id) WHERE contact_id IS NOT NULL`,
  `CREATE INDEX connections_backend ON connections (backend, created_at)`,
  `CREATE TABLE addresses (
    key ${TEXT} PRIMARY KEY, backend ${TEXT} NOT NULL, address text NOT NULL, label text, created_at bigint NOT NULL)`,
  `CREATE TABLE group_members (
    group_key ${TEXT} NOT NULL, group_name ${TEXT} NOT NULL,
    contact_id ${TEXT} NOT NULL REFERENCES contacts (id) ON DELETE CASCADE, PRIMARY KEY (group_key, contact_id))`,
  `CREATE INDEX group_members_contact ON group_members (contact_id)`,
  `CREATE TABLE import_lines (
    import_id ${TEXT} NOT NULL, line bigint NOT NULL, data text NOT NULL, staged_at bigint NOT NULL,
    PRIMARY KEY (import_id, line))`,
  `CREATE INDEX import_lines_time ON import_lines (staged_at)`,

  `CREATE TABLE incoming_open (${INCOMING}, lane ${TEXT} NOT NULL, not_before bigint NOT NULL, PRIMARY KEY (id)) ${BUSY}`,
  `CREATE INDEX incoming_open_lane ON incoming_open (lane, seq)`,
  `CREATE TABLE incoming (${INCOMING}, ${failed(`'FAILED'`)}, PRIMARY KEY (id)) PARTITION BY RANGE (id)`,
  `CREATE INDEX incoming_person ON incoming (${person})`,
  `CREATE INDEX incoming_time ON incoming (received_at, seq)`,
  `CREATE INDEX incoming_failed ON incoming (failed, seq) WHERE failed IS NOT NULL`,
  `CREATE INDEX incoming_seq ON incoming ${BY_SEQ}`,
  `CREATE TABLE incoming_other PARTITION OF incoming DEFAULT`,

  `CREATE TABLE outgoing_open (${OUTGOING}, lane ${TEXT} NOT NULL, PRIMARY KEY (id)) ${BUSY}`,
  `CREATE INDEX outgoing_open_lane ON outgoing_open (lane, seq)`,
  `CREATE INDEX outgoing_open_routed ON outgoing_open (backend, seq) WHERE route IS NOT NULL`,
  `CREATE INDEX outgoing_open_answer ON outgoing_open (in_response_to) WHERE in_response_to IS NOT NULL`,
  `CREATE INDEX outgoing_open_broadcast ON outgoing_open (broadcast_id, seq) WHERE broadcast_id IS NOT NULL`,
  `CREATE TABLE outgoing (${OUTGOING}, ${failed(`'ERROR', 'UNKNOWN', 'SENDING'`)}, PRIMARY KEY (id)) PARTITION BY RANGE (id)`,
  `CREATE INDEX outgoing_person ON outgoing (${person})`,
  `CREATE INDEX outgoing_time ON outgoing (created_at, seq)`,
  `CREATE INDEX outgoing_failed ON outgoing (failed, seq) WHERE failed IS NOT NULL`,
  `CREATE INDEX outgoing_seq ON outgoing ${BY_SEQ}`,
  `CREATE INDEX outgoing_broadcast ON outgoing (broadcast_id, seq) WHERE broadcast_id IS NOT NULL`,
  `CREATE TABLE outgoing_other PARTITION OF outgoing DEFAULT`,

  `CREATE TABLE duplicates (
    key ${TEXT} PRIMARY KEY, mark ${TEXT} NOT NULL, message_id ${TEXT} NOT NULL, recorded_at bigint NOT NULL,
    expires_at bigint NOT NULL, repeats integer NOT NULL)`,
  `CREATE INDEX duplicates_expiry ON duplicates (expires_at)`,
  `CREATE TABLE content_windows (LIKE duplicates INCLUDING ALL) ${BUSY}`,
  `CREATE TABLE external_ids (
    key ${TEXT} PRIMARY KEY, outgoing_id ${TEXT}, created_at bigint NOT NULL, superseded boolean NOT NULL,
    part_group bigint, part_state ${TEXT})`,
  `CREATE INDEX external_ids_message ON external_ids (outgoing_id) WHERE outgoing_id IS NOT NULL`,
  `CREATE SEQUENCE report_id CACHE 1`,
  `CREATE TABLE reports (
    outgoing_id ${TEXT} NOT NULL, id bigint NOT NULL, backend ${TEXT} NOT NULL, external_id text, identity text,
    state ${TEXT}, expired boolean NOT NULL, code text, text text, fields text, received_at bigint NOT NULL,
    PRIMARY KEY (outgoing_id, id))
    PARTITION BY RANGE (outgoing_id)`,
  `CREATE INDEX reports_by_number ON reports (hashtextextended(backend || chr(10) || identity, 0), received_at)
    WHERE external_id IS NULL`,
  `CREATE TABLE reports_other PARTITION OF reports DEFAULT`,
  `CREATE TABLE parked_reports (
    id bigint PRIMARY KEY, key ${TEXT} NOT NULL, backend ${TEXT} NOT NULL, external_id text, identity text,
    state ${TEXT}, expired boolean NOT NULL, code text, text text, fields text, received_at bigint NOT NULL)`,
  `CREATE INDEX parked_reports_key ON parked_reports (key, id)`,
  `CREATE INDEX parked_reports_time ON parked_reports (received_at)`,
  `CREATE TABLE idempotency_keys (key ${TEXT} PRIMARY KEY, result text NOT NULL, expires_at bigint NOT NULL)`,
  `CREATE INDEX idempotency_expiry ON idempotency_keys (expires_at)`,

  `CREATE TABLE documents (key ${TEXT} PRIMARY KEY, scope text NOT NULL, name text NOT NULL,
    value text NOT NULL, version bigint NOT NULL)`,
  `CREATE TABLE effects (
    message_id ${TEXT} NOT NULL, key ${TEXT} NOT NULL, result text, at bigint NOT NULL, PRIMARY KEY (message_id, key))`,

  `CREATE TABLE part_groups (
    id ${TEXT} PRIMARY KEY, key ${TEXT} NOT NULL, backend ${TEXT} NOT NULL, identity ${TEXT} NOT NULL, address text,
    total integer NOT NULL, due_at bigint NOT NULL, current boolean NOT NULL, message_id text, forget_at bigint)`,
  `CREATE UNIQUE INDEX part_groups_current ON part_groups (key) WHERE current`,
  `CREATE INDEX part_groups_due ON part_groups (due_at, id) WHERE message_id IS NULL`,
  `CREATE INDEX part_groups_forget ON part_groups (forget_at) WHERE message_id IS NOT NULL`,
  `CREATE TABLE parts (
    group_id ${TEXT} NOT NULL REFERENCES part_groups (id) ON DELETE CASCADE, number integer NOT NULL, text text, hex text,
    coding text, fields text NOT NULL, external_id text, digest text NOT NULL, PRIMARY KEY (group_id, number))`,
  `CREATE TABLE outbox (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, message_id ${TEXT} NOT NULL UNIQUE, backend ${TEXT} NOT NULL,
    identity text NOT NULL, address text, text text NOT NULL, person ${TEXT} NOT NULL, device text NOT NULL,
    leased_until bigint NOT NULL, tries integer NOT NULL, expires_at bigint, despite_opt_out boolean NOT NULL)`,
  `CREATE INDEX outbox_expiry ON outbox (expires_at) WHERE expires_at IS NOT NULL`,
  `CREATE INDEX outbox_backend ON outbox (backend, seq)`,
  `CREATE INDEX outbox_person ON outbox (person, seq)`,
  `CREATE TABLE backend_memory (key ${TEXT} PRIMARY KEY, backend ${TEXT} NOT NULL, name text NOT NULL, value text NOT NULL)`,
  `CREATE TABLE pauses (
    backend ${TEXT} PRIMARY KEY, cause ${TEXT} NOT NULL, reason text NOT NULL, since bigint NOT NULL,
    probes integer NOT NULL, probe_at bigint)`,
  `CREATE TABLE usage (
    key ${TEXT} PRIMARY KEY, messages bigint NOT NULL, parts bigint NOT NULL, cost double precision NOT NULL,
    expires_at bigint NOT NULL) ${BUSY}`,
  `CREATE INDEX usage_expiry ON usage (expires_at)`,
  `CREATE TABLE leases (name ${TEXT} PRIMARY KEY, holder text NOT NULL, until bigint NOT NULL)`,

  `CREATE TABLE templates (
    slug ${TEXT} PRIMARY KEY, body text NOT NULL, active boolean NOT NULL, locked boolean NOT NULL,
    allow_duplicates boolean NOT NULL, created_at bigint NOT NULL, changed_at bigint NOT NULL, version bigint NOT NULL)`,
  `CREATE TABLE sole_messages (
    key ${TEXT} PRIMARY KEY, message_id ${TEXT} NOT NULL, recorded_at bigint NOT NULL)`,
  `CREATE INDEX sole_messages_time ON sole_messages (recorded_at)`,
  `CREATE TABLE broadcasts (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id ${TEXT} NOT NULL UNIQUE, name text, tag text,
    key ${TEXT} UNIQUE, state ${TEXT} NOT NULL, reason text, request text NOT NULL, start_at bigint NOT NULL,
    created_at bigint NOT NULL, changed_at bigint NOT NULL, ended_at bigint, holder text NOT NULL,
    held_until bigint NOT NULL, recipients bigint NOT NULL DEFAULT 0, duplicates bigint NOT NULL DEFAULT 0,
    faults bigint NOT NULL DEFAULT 0, expanded bigint NOT NULL DEFAULT 0, cursor bigint NOT NULL DEFAULT 0,
    messages bigint NOT NULL DEFAULT 0, held boolean NOT NULL DEFAULT false, cost double precision NOT NULL DEFAULT 0,
    costed bigint NOT NULL DEFAULT 0, cost_cursor bigint NOT NULL DEFAULT 0)`,
  `CREATE INDEX broadcasts_unended ON broadcasts (number) WHERE ended_at IS NULL`,
  `CREATE INDEX broadcasts_ended ON broadcasts (ended_at) WHERE ended_at IS NOT NULL`,
  `CREATE TABLE broadcast_recipients (
    broadcast bigint NOT NULL, position bigint NOT NULL, backend ${TEXT} NOT NULL, identity text NOT NULL,
    key ${TEXT} NOT NULL, params text, PRIMARY KEY (broadcast, position), UNIQUE (broadcast, key))`,
  `CREATE TABLE broadcast_faults (
    broadcast bigint NOT NULL, position bigint NOT NULL, error text NOT NULL, PRIMARY KEY (broadcast, position))`,
  `CREATE TABLE callbacks (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_name text, name ${TEXT} NOT NULL, url text NOT NULL,
    target ${TEXT} NOT NULL, format ${TEXT} NOT NULL, backends text, secret text NOT NULL, created_at bigint NOT NULL,
    updated_at bigint NOT NULL, revision bigint NOT NULL DEFAULT 1, disabled_at bigint, disabled_reason text)`,
  'CREATE INDEX callbacks_user ON callbacks (user_name)',
  `CREATE TABLE callback_deliveries (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id ${TEXT} NOT NULL,
    callback bigint NOT NULL, target ${TEXT} NOT NULL, lane ${TEXT} NOT NULL,
    name ${TEXT} NOT NULL, at bigint NOT NULL, message_id ${TEXT} NOT NULL, backend ${TEXT} NOT NULL,
    identity text NOT NULL, address text, text text NOT NULL, recorded_at bigint NOT NULL, external_id text, fields text,
    state ${TEXT}, in_response_to text, code text, error text, sent_at bigint, delivered_at bigint,
    tries integer NOT NULL DEFAULT 0, since bigint NOT NULL, not_before bigint NOT NULL DEFAULT 0,
    leased_until bigint NOT NULL DEFAULT 0, holder text, status integer, failure text, dead_at bigint) ${BUSY}`,
  `CREATE INDEX callback_deliveries_lane ON callback_deliveries (lane, seq) WHERE dead_at IS NULL`,
  `CREATE INDEX callback_deliveries_waiting ON callback_deliveries (target, seq) WHERE dead_at IS NULL`,
  `CREATE INDEX callback_deliveries_later ON callback_deliveries (target) WHERE dead_at IS NULL AND not_before > 0`,
  `CREATE INDEX callback_deliveries_callback ON callback_deliveries (callback, dead_at, seq)`,
  `CREATE INDEX callback_deliveries_dead ON callback_deliveries (dead_at) WHERE dead_at IS NOT NULL`,
  `CREATE INDEX callback_deliveries_dead_seq ON callback_deliveries (seq, callback) WHERE dead_at IS NOT NULL`,
  `CREATE TABLE callback_holds (target ${TEXT} PRIMARY KEY, until bigint NOT NULL, failures bigint NOT NULL)`,
  'CREATE INDEX callback_holds_until ON callback_holds (until)',
  ...callbackFunctions,
]

/** Everything the first version keeps. */
export const first = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db)
  },
}
