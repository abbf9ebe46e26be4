import type { Database } from 'better-sqlite3'

const COLUMNS = `id, callback, target, name, at, message_id, backend, identity, address, text, recorded_at, external_id,
  fields, state, in_response_to, code, error, sent_at, delivered_at, since`

const OF_CALLBACK = 'lower(hex(randomblob(16))), c.id, c.target, c.name'

const TOLD = `c.disabled_at IS NULL
  AND (c.backends IS NULL OR EXISTS (SELECT 1 FROM json_each(c.backends) b WHERE b.value = NEW.backend))`

const OUTGOING = `NEW.changed_at, NEW.id, NEW.backend, NEW.identity, NEW.address, NEW.text, NEW.created_at, NULL, NULL,
  NEW.state, NEW.in_response_to, NEW.code, NEW.error, NEW.sent_at, NEW.delivered_at, NEW.changed_at`

const ORDER = `CASE c.name WHEN 'message_sent' THEN 1 WHEN 'sms_receipt' THEN 2 ELSE 3 END, c.id`

const tell = (values: string, names: string) =>
  `INSERT INTO callback_deliveries (${COLUMNS}) SELECT ${OF_CALLBACK}, ${values} FROM callbacks c
   WHERE ${TOLD} AND (${names}) ORDER BY ${ORDER};`

const SETTLED = `(c.name = 'message_sent' AND NEW.state IN ('SENDING', 'SENT', 'DELIVERED'))
  OR (c.name = 'sms_receipt' AND NEW.state IN ('DELIVERED', 'UNKNOWN'))
  OR (c.name = 'message_failed' AND NEW.state IN ('ERROR', 'CANCELLED'))`

const MOVED = `c.name = 'sms_receipt' OR (c.name = 'message_failed' AND NEW.state IN ('ERROR', 'CANCELLED'))`

const triggers = [
  {
    name: 'tell_received',
    when: 'AFTER INSERT ON incoming',
    body: tell(
      `NEW.received_at, NEW.id, NEW.backend, NEW.identity, NEW.address, NEW.text, NEW.received_at, NEW.external_id,
       NEW.fields, NULL, NULL, NULL, NULL, NULL, NULL, NEW.received_at`,
      `c.name = 'sms_received'`,
    ),
  },
  {
    name: 'tell_settled_at_once',
    when: 'AFTER INSERT ON outgoing WHEN NEW.open = 0',
    body: tell(OUTGOING, SETTLED),
  },
  {
    name: 'tell_settled',
    when: 'AFTER UPDATE OF open ON outgoing WHEN OLD.open = 1 AND NEW.open = 0',
    body: tell(OUTGOING, SETTLED),
  },
  {
    name: 'tell_moved',
    when: 'AFTER UPDATE OF state ON outgoing WHEN OLD.open = 0 AND NEW.open = 0 AND OLD.state <> NEW.state',
    body: tell(OUTGOING, MOVED),
  },
]

/** Has events recorded for callbacks, in the transactions in which they happen. */
export function createTriggers(database: Database): void {
  for (const { name, when, body } of triggers) {
    database.exec(`CREATE TRIGGER IF NOT EXISTS ${name} ${when} BEGIN ${body} END`)
  }
}

/** Where there is no callback, no message pays for any. */
export function dropTriggers(database: Database): void {
  for (const { name } of triggers) database.exec(`DROP TRIGGER IF EXISTS ${name}`)
}
