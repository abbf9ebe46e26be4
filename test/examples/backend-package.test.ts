import { createHmac } from 'node:crypto'
// The example's own test, as its README runs it.
import '../../examples/backend-package/acme.test.ts'
import { acme } from '../../examples/backend-package/acme.ts'
import type { BackendTable } from '../support/backend-table.ts'
import { fuzzViews } from '../support/fuzz-views.ts'

const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const table: BackendTable = {
  name: 'acme',
  backend: (url) => acme({ baseUrl: url, user: 'ann', password: 's3cret-password' }),
  incoming: [
    { label: 'a message', headers: FORM, body: 'from=1&text=hi&to=2020&id=7', status: 200 },
    { label: 'a part', headers: FORM, body: 'from=1&text=hi&ref=x&total=2&number=1', status: 200 },
  ],
  reports: [{ label: 'a report', path: 'status', headers: FORM, body: 'id=x1&status=delivered', status: 200 }],
}
fuzzViews(table, ({ body = '' }) => ({
  'x-acme-signature': createHmac('sha256', 's3cret-password').update(body).digest('hex'),
}))
