import { expect } from 'chai'
import type { RunningServer } from '../../support/process.ts'
import { skip } from '../../support/skip.ts'
import { until } from '../../support/until.ts'
import { seededRandom } from '../random.ts'
import { Cluster, type Role, whyNoCluster } from './cluster.ts'
import { expectNothingLostOrTwice } from './cluster-records.ts'
import { Crowd } from './crowd.ts'

const LIMIT_MS = 240_000
const ROLES: readonly Role[] = ['web', 'worker', 'web', 'worker']
const PEOPLE = 16
const QUIET_LIMIT_MS = 90_000
/** Of thousands: a server that has ended its idle connections cannot know what is on its way on them. */
const MOST_CROSSED = 2

describe('a rolling restart of a cluster', function () {
  this.timeout(LIMIT_MS)
  let cluster: Cluster

  before(async function () {
    const why = whyNoCluster()
    if (why !== undefined) skip(this, why)
    cluster = await Cluster.create()
  })

  after(() => cluster?.remove())

  it('under load: no request fails that a service would not repeat, nothing is lost, everyone stays in order', async () => {
    const servers: RunningServer[] = await Promise.all(ROLES.map((role) => cluster.start(role)))
    const urls = () => servers.filter((_, index) => ROLES[index] === 'web').map(({ url }) => url)
    const crowd = new Crowd(cluster.client, seededRandom(4), urls)
    crowd.write({ repeating: PEOPLE })
    for (const [index, role] of ROLES.entries()) {
      const answered = cluster.recorder.received.length
      await until('there is load', () => cluster.recorder.received.length > answered + 40, QUIET_LIMIT_MS)
      const ended = await servers[index]?.stop('SIGTERM')
      expect(ended, `${ended?.stdout}${ended?.stderr}`).to.include({ code: 0, signal: null })
      servers[index] = await cluster.start(role)
    }
    await crowd.stop()
    await cluster.untilQuiet(QUIET_LIMIT_MS)
    const failures = crowd.troubles.filter(
      ({ status, error = '' }) => status !== 503 && !error.startsWith('ECONNREFUSED'),
    )
    // A request that crosses the end of its idle connection on the way; whoever keeps connections has to repeat it.
    const crossed = failures.filter(({ error }) => /^(ECONNRESET|UND_ERR_SOCKET)/.test(error ?? ''))
    expect(failures.filter((failure) => !crossed.includes(failure))).to.deep.equal([])
    expect(crossed.length, 'requests that crossed the end of a connection').to.be.at.most(MOST_CROSSED)
    const records = await cluster.records()
    expectNothingLostOrTwice({ records, crowd, received: cluster.recorder.received, inFlight: [] })
  })
})
