import { type Kysely, sql } from 'kysely'

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
    attempts text NOT NULL`

const person = 'hashtextextended(backend || chr(10) || identity, 0), seq'

// Told apart from the state, so that a report that moves SENT to DELIVERED touches no index.
const failed = (states: string) => `
    failed ${TEXT} GENERATED ALWAYS AS (CASE WHEN state IN (${states}) THEN state END) STORED`

// Messages in hand are written over several times within a second, and gone: their pages keep room for that.
const BUSY = `WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 5000)`

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
    opted_out_at bigint, created_at bigint NOT NULL)`,
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

  `CREATE TABLE incoming_open (${INCOMING}, lane ${TEXT} NOT NULL, not_before bigint NOT NULL, PRIMARY KEY (id)) ${BUSY}`,
  `CREATE INDEX incoming_open_lane ON incoming_open (lane, seq)`,
  `CREATE TABLE incoming (${INCOMING}, ${failed(`'FAILED'`)}, PRIMARY KEY (id)) PARTITION BY RANGE (id)`,
  `CREATE INDEX incoming_person ON incoming (${person})`,
  `CREATE INDEX incoming_time ON incoming (received_at, seq)`,
  `CREATE INDEX incoming_failed ON incoming (failed, seq) WHERE failed IS NOT NULL`,
  `CREATE TABLE incoming_other PARTITION OF incoming DEFAULT`,

  `CREATE TABLE outgoing_open (${OUTGOING}, lane ${TEXT} NOT NULL, PRIMARY KEY (id)) ${BUSY}`,
  `CREATE INDEX outgoing_open_lane ON outgoing_open (lane, seq)`,
  `CREATE INDEX outgoing_open_answer ON outgoing_open (in_response_to) WHERE in_response_to IS NOT NULL`,
  `CREATE TABLE outgoing (${OUTGOING}, ${failed(`'ERROR', 'UNKNOWN'`)}, PRIMARY KEY (id)) PARTITION BY RANGE (id)`,
  `CREATE INDEX outgoing_person ON outgoing (${person})`,
  `CREATE INDEX outgoing_time ON outgoing (created_at, seq)`,
  `CREATE INDEX outgoing_failed ON outgoing (failed, seq) WHERE failed IS NOT NULL`,
  `CREATE TABLE outgoing_other PARTITION OF outgoing DEFAULT`,

  `CREATE TABLE duplicates (
    key ${TEXT} PRIMARY KEY, mark ${TEXT} NOT NULL, message_id ${TEXT} NOT NULL, recorded_at bigint NOT NULL,
    expires_at bigint NOT NULL, repeats integer NOT NULL)`,
  `CREATE INDEX duplicates_expiry ON duplicates (expires_at)`,
  `CREATE TABLE content_windows (LIKE duplicates INCLUDING ALL) ${BUSY}`,
  `CREATE TABLE external_ids (key ${TEXT} PRIMARY KEY, outgoing_id ${TEXT}, created_at bigint NOT NULL)`,
  `CREATE INDEX external_ids_message ON external_ids (outgoing_id) WHERE outgoing_id IS NOT NULL`,
  `CREATE SEQUENCE report_id CACHE 1`,
  `CREATE TABLE reports (
    outgoing_id ${TEXT} NOT NULL, id bigint NOT NULL, backend ${TEXT} NOT NULL, external_id text NOT NULL, identity text,
    state ${TEXT}, code text, text text, fields text, received_at bigint NOT NULL, PRIMARY KEY (outgoing_id, id))
    PARTITION BY RANGE (outgoing_id)`,
  `CREATE TABLE reports_other PARTITION OF reports DEFAULT`,
  `CREATE TABLE parked_reports (
    id bigint PRIMARY KEY, key ${TEXT} NOT NULL, backend ${TEXT} NOT NULL, external_id text NOT NULL, identity text,
    state ${TEXT}, code text, text text, fields text, received_at bigint NOT NULL)`,
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
    leased_until bigint NOT NULL, tries integer NOT NULL)`,
  `CREATE INDEX outbox_backend ON outbox (backend, seq)`,
  `CREATE INDEX outbox_person ON outbox (person, seq)`,
  `CREATE TABLE backend_memory (key ${TEXT} PRIMARY KEY, backend ${TEXT} NOT NULL, name text NOT NULL, value text NOT NULL)`,
  `CREATE TABLE leases (name ${TEXT} PRIMARY KEY, holder text NOT NULL, until bigint NOT NULL)`,
]

/** Everything the first version keeps. */
export const first = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db)
  },
}
