/**
 * Tests that may be skipped where CI=true, by the beginning of their full title, each with why. Everything else that
 * is skipped there fails the run.
 * @type {Record<string, string>}
 */
export const allowedSkips = {}
