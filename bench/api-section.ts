import type { ApiName, ApiRow } from './cases/api.ts'
import { decimals, type Section, whole } from './report.ts'

const names: Readonly<Record<ApiName, string>> = {
  koa: 'bare Koa, koa-body, zod',
  one: 'send.json, one number',
  many: 'send.json, many numbers',
}

export function apiSection(rows: readonly ApiRow[]): Section {
  return {
    title: 'q: sending by the API',
    columns: ['what', 'messages/request', 'messages/s', 'slowest to fastest', 'to Koa', 'server CPU µs per message'],
    rows: rows.map(({ name, messages, perSecond, slowest, fastest, toKoa, cpuMicroseconds }) => [
      names[name],
      whole(messages),
      whole(perSecond),
      `${whole(slowest)} to ${whole(fastest)}`,
      decimals(toKoa, 2),
      whole(cpuMicroseconds),
    ]),
  }
}
