const COLUMNS = `id, callback, target, lane, name, at, message_id, backend, identity, address, text, recorded_at,
  external_id, fields, state, in_response_to, code, error, sent_at, delivered_at, since`

const OF_CALLBACK = `gen_random_uuid()::text, c.id, c.target, md5(c.target || m.identity), c.name`

const TOLD = 'c.disabled_at IS NULL AND (c.backends IS NULL OR c.backends::jsonb ? m.backend)'

const OUTGOING = `m.changed_at, m.id, m.backend, m.identity, m.address, m.text, m.created_at, NULL, NULL, m.state,
  m.in_response_to, m.code, m.error, m.sent_at, m.delivered_at, m.changed_at`

const NAMES = `array_position(ARRAY['message_sent', 'sms_receipt', 'message_failed'], c.name::text)`

const made = (name: string, body: string) =>
  `CREATE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${body}; RETURN NULL; END $$`

/**
 * What records events for callbacks, a statement at a time. Triggers call them only while there are callbacks (see
 * callback-triggers.ts). A message that is replayed is not received again: it has a time before which it does not run.
 */
export const callbackFunctions = [
  made(
    'tell_received',
    `INSERT INTO callback_deliveries (${COLUMNS})
     SELECT ${OF_CALLBACK}, m.received_at, m.id, m.backend, m.identity, m.address, m.text, m.received_at,
       m.external_id, m.fields, NULL, NULL, NULL, NULL, NULL, NULL, m.received_at
     FROM added m JOIN callbacks c ON c.name = 'sms_received' AND ${TOLD}
     WHERE m.not_before = 0 AND m.tries = 0 ORDER BY m.seq, c.id`,
  ),
  made(
    'tell_settled',
    `INSERT INTO callback_deliveries (${COLUMNS})
     SELECT ${OF_CALLBACK}, ${OUTGOING} FROM added m JOIN callbacks c ON ${TOLD} AND (
       (c.name = 'message_sent' AND m.state IN ('SENDING', 'SENT', 'DELIVERED'))
       OR (c.name = 'sms_receipt' AND m.state IN ('DELIVERED', 'UNKNOWN'))
       OR (c.name = 'message_failed' AND m.state IN ('ERROR', 'CANCELLED')))
     ORDER BY m.seq, ${NAMES}, c.id`,
  ),
  made(
    'tell_moved',
    `INSERT INTO callback_deliveries (${COLUMNS})
     SELECT ${OF_CALLBACK}, ${OUTGOING} FROM changed m JOIN before b ON b.id = m.id AND b.state <> m.state
       JOIN callbacks c ON ${TOLD} AND (c.name = 'sms_receipt'
       OR (c.name = 'message_failed' AND m.state IN ('ERROR', 'CANCELLED')))
     ORDER BY m.seq, ${NAMES}, c.id`,
  ),
]
