import { defineApp } from 'sms-switchboard'

/** Answers `echo <words>` with the words. */
export const echo = defineApp({
  name: 'echo',
  handle(message) {
    const [, words] = /^echo\s+(.+)$/is.exec(message.text.trim()) ?? []
    return words !== undefined && message.respond(words)
  },
})
