import type { AppContext } from '../router/context.ts'

/** A context that adds to another one; what it does not add is the other's. */
export class DelegatedContext implements AppContext {
  /** The context that it stands on. */
  readonly context: AppContext

  constructor(context: AppContext) {
    this.context = context
  }

  get logger() {
    return this.context.logger
  }

  get contact() {
    return this.context.contact
  }

  get contacts() {
    return this.context.contacts
  }

  get groups() {
    return this.context.groups
  }

  get documents() {
    return this.context.documents
  }

  get optOut() {
    return this.context.optOut
  }

  get send() {
    return this.context.send
  }

  get once() {
    return this.context.once
  }
}
