/**
 * Tests that may be skipped where CI=true, by the beginning of their full title, each with why. Everything else that
 * is skipped there fails the run.
 * @type {Record<string, string>}
 */
export const allowedSkips = {
  'SQLite in memory, as a store': 'the same rows run over SQLite in a file, where a restart leaves something behind',
  'failing disks a full disk': 'a small disk has to be mounted for it, which many containers do not allow',
  'failing disks does not start on': 'a small disk has to be mounted for it, which many containers do not allow',
}
