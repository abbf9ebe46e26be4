import { type Limiter, MemoryLimiter, RedisLimiter } from '../http/limits.ts'
import type { Clock } from '../messages/clock.ts'
import type { Logger } from '../messages/logger.ts'
import type { Settings } from './parse.ts'

/**
 * What counts requests: a Redis where there is one, else this process.
 * @param options `url` names another Redis than the settings do
 */
export function makeLimiter(
  { redisUrl, redisPrefix }: Pick<Settings, 'redisUrl' | 'redisPrefix'>,
  {
    clock,
    logger,
    url = redisUrl,
  }: { readonly clock: Clock; readonly logger: Logger; readonly url?: string | undefined },
): Limiter {
  return url === undefined ? new MemoryLimiter(clock) : new RedisLimiter({ url, prefix: redisPrefix, logger })
}
