/**
 * Tests that may be skipped where CI=true, by the beginning of their full title, each with why. Everything else that
 * is skipped there fails the run.
 * @type {Record<string, string>}
 */
export const allowedSkips = {
  'SQLite in memory, as a store': 'the same rows run over SQLite in a file, where a restart leaves something behind',
  'deploy/ is taken by nginx': 'nginx is nothing that Switchboard needs; where it is there, it is asked',
  'the code of the guide that verifies callbacks in PHP':
    'PHP is nothing that Switchboard needs; where it is there, the code is run',
  'a worker whose network is cut without a word to Redis':
    'the cut to PostgreSQL shows the same; all of them take a minute',
  'a worker whose network is cut without a word to both':
    'the cut to PostgreSQL shows the same; all of them take a minute',
  'SQLite in a thread':
    'the same store runs in the same thread in every test of a built server; all its rows take minutes',
  'failing disks a full disk': 'a small disk has to be mounted for it, which many containers do not allow',
  'failing disks does not start on': 'a small disk has to be mounted for it, which many containers do not allow',
}
