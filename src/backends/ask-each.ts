import type { DeliveryReport } from '../messages/report.ts'
import type { CheckedMessage, SendTools } from '../router/backend.ts'
import { AuthError, ConnectionError, CreditError, LimitsError } from '../router/errors.ts'

/** So many in a row that fail are no matter of single messages. */
const MOST_FAILURES = 5

/**
 * Asks a service about messages, one id at a time. What fails for one of them takes no other along; what would fail for
 * all of them ends the asking, with what is known by then.
 * @param ask undefined where the service does not know the id
 * @throws the last error where no question at all was answered
 */
export async function askEach(
  messages: readonly CheckedMessage[],
  { backend, logger, signal }: Pick<SendTools<unknown>, 'backend' | 'logger' | 'signal'>,
  ask: (externalId: string) => Promise<DeliveryReport | undefined>,
): Promise<readonly DeliveryReport[]> {
  const reports: DeliveryReport[] = []
  let answered = 0
  let inARow = 0
  let last: unknown
  for (const externalId of new Set(messages.flatMap(({ externalIds }) => externalIds))) {
    if (signal.aborted || inARow === MOST_FAILURES) break
    try {
      const report = await ask(externalId)
      answered++
      inARow = 0
      if (report !== undefined) reports.push(report)
    } catch (error) {
      last = error
      inARow++
      logger.warn({ backend, externalId, err: error }, 'a service could not be asked about one message')
      if (isOfAll(error)) break
    }
  }
  if (answered === 0 && last !== undefined) throw last
  return reports
}

function isOfAll(error: unknown): boolean {
  return [AuthError, ConnectionError, CreditError, LimitsError].some((OfAll) => error instanceof OfAll)
}
