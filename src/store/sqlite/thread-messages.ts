import { SwitchboardError } from '../../messages/errors.ts'
import {
  DocumentConflictError,
  MigrationError,
  StaleResultError,
  StoreLockedError,
  StoreUnavailableError,
  TakenOverError,
} from '../errors.ts'
import type { Store } from '../store.ts'

type Methods<T> = { [K in keyof T]: T[K] extends (...args: never[]) => unknown ? K : never }[keyof T]

/** The interfaces of their own that a store has beside its own methods. */
export type Part = Exclude<keyof Store, Methods<Store>>

/** What is called: the store itself, or one of its parts. */
export type Target = 'store' | Part

/** A value as it crosses: nothing at all where it is undefined, which JSON does not know. */
export type Packed = readonly [] | readonly [value: unknown]

export function packed(value: unknown): Packed {
  return value === undefined ? [] : [value]
}

export function unpacked([value]: Packed): unknown {
  return value
}

/** A call on its way to the thread: its number, what is called, the method, the arguments. */
export type Call = readonly [number: number, target: Target, method: string, args: readonly Packed[]]

/** What the thread was started with. */
export interface ThreadOptions {
  readonly file: string
}

/** An error as it crosses between threads, where classes do not. */
export interface ErrorRecord {
  readonly name: string
  readonly code?: string
  readonly message: string
  readonly stack?: string
}

/** The outcome of one call, by its number. */
export type Reply =
  | readonly [number: number, outcome: 'result', result: Packed]
  | readonly [number: number, outcome: 'error', error: ErrorRecord]

/** What the thread says: outcomes of calls, or lanes that another process has nudged. */
export type FromThread = { readonly replies: readonly Reply[] } | { readonly lanes: Parameters<Store['nudge']>[0] }

const errorClasses: ReadonlyMap<string, new (message: string) => SwitchboardError> = new Map(
  [
    StoreUnavailableError,
    StaleResultError,
    TakenOverError,
    DocumentConflictError,
    StoreLockedError,
    MigrationError,
  ].map((Class) => [new Class('').code, Class]),
)

export function toRecord(error: unknown): ErrorRecord {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) }
  const { name, message, stack } = error
  return {
    name,
    message,
    ...(stack === undefined ? {} : { stack }),
    ...(error instanceof SwitchboardError ? { code: error.code } : {}),
  }
}

/** The error as the same class again; one that the store does not throw by design keeps its name and its stack. */
export function fromRecord({ name, code, message, stack }: ErrorRecord): Error {
  const Class = code === undefined ? undefined : errorClasses.get(code)
  if (Class !== undefined) return new Class(message)
  const error = new Error(message)
  error.name = name
  if (stack !== undefined) error.stack = stack
  return error
}
