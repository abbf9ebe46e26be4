import type { Database, Statement } from 'better-sqlite3'
import type { Lane, MessageClass } from '../../messages/lane.ts'
import type { OutgoingRoute } from '../../messages/route.ts'
import type { AttemptResult } from '../outgoing-records.ts'
import type { ContentWindows } from './content-windows.ts'
import type { SqlitePeople } from './people.ts'

type Moved = Extract<AttemptResult['outcome'], { kind: 'moved' }>

/** Takes routed messages from one backend to another. All of it runs inside a transaction of the group commit. */
export class OutgoingMoves {
  readonly #statements
  readonly #people: SqlitePeople
  readonly #windows: ContentWindows

  constructor(database: Database, people: SqlitePeople, windows: ContentWindows) {
    this.#statements = prepare(database)
    this.#people = people
    this.#windows = windows
  }

  /**
   * @param idle only where no attempt of it is being taken
   * @returns the lane that the message stands in now; undefined when it is no longer open where it was
   */
  move(result: AttemptResult, { to, ...moved }: Moved, idle = false): Lane | undefined {
    const { message, startedAt, code, error, route, at } = result
    const connection = { backend: to.backend, identity: to.identity.toWellFormed() }
    const places = { ...connection, left: message.backend, leftIdentity: message.identity.toWellFormed() }
    const row = this.#statements.move.get({
      ...places,
      seq: message.seq,
      address: to.address?.toWellFormed() ?? null,
      text: moved.text.toWellFormed(),
      parts: moved.parts,
      notBefore: moved.at,
      began: startedAt,
      idle: idle ? 1 : 0,
      route: route === undefined ? null : JSON.stringify(route),
      code,
      error,
      at,
    })
    if (row === undefined) return undefined
    this.#people.ensureConnection(connection.backend, connection.identity, at)
    this.#windows.closed(connection.backend, connection.identity)
    this.#statements.moveInConversation.run({ ...places, seq: message.seq })
    return { kind: 'outgoing', owner: connection.backend, class: row.class, identity: connection.identity }
  }

  keepRoute(seq: number, route: OutgoingRoute): void {
    this.#statements.keepRoute.run(JSON.stringify(route), seq)
  }
}

interface Statements {
  readonly move: Statement<[object], { class: MessageClass }>
  readonly moveInConversation: Statement
  readonly keepRoute: Statement<[string, number]>
}

function prepare(database: Database): Statements {
  return {
    move: database.prepare<[object], { class: MessageClass }>(
      `UPDATE outgoing SET backend = @backend, identity = @identity, address = @address, text = @text, parts = @parts,
       route = COALESCE(@route, route), attempt_at = NULL, tries = 0, not_before = @notBefore,
       first_attempt_at = COALESCE(first_attempt_at, @began), code = @code, error = @error, changed_at = @at
       WHERE seq = @seq AND open = 1 AND backend = @left AND identity = @leftIdentity
       AND (@idle = 0 OR attempt_at IS NULL) RETURNING class`,
    ),
    // Of those that the index has already; the others are entered under their new backend.
    moveInConversation: database.prepare(
      `UPDATE conversation SET backend = @backend, identity = @identity
       WHERE backend = @left AND identity = @leftIdentity AND seq = @seq`,
    ),
    keepRoute: database.prepare<[string, number]>('UPDATE outgoing SET route = ? WHERE seq = ?'),
  }
}
