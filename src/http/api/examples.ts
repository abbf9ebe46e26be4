import type { Endpoint } from './endpoint.ts'

export interface Example {
  readonly lang: 'Shell' | 'TypeScript' | 'Python'
  readonly label: string
  readonly source: string
}

type Field = readonly [name: string, value: string]

/** What examples say in a body, by the id of the endpoint. */
const bodies: Readonly<Record<string, readonly Field[]>> = {
  send: [
    ['to_msisdn', '27123456780'],
    ['to_msisdn', '27123456781'],
    ['from_msisdn', '27123456789'],
    ['message', 'hello world'],
  ],
  templateSend: [
    ['to_msisdn', '27123456780'],
    ['to_msisdn', '27123456781'],
    ['template_name', 'Simon'],
    ['template_name', 'Jack'],
    ['template', 'Hello {{name}}'],
  ],
  createCallback: [
    ['name', 'sms_received'],
    ['url', 'https://example.org/sms/received'],
  ],
  changeCallback: [['url', 'https://example.org/sms/in']],
  createContact: [
    ['name', 'Amina'],
    ['language', 'sw'],
    ['groups', 'nurses'],
  ],
  changeContact: [['language', 'en']],
  linkConnection: [
    ['backend', 'clickatell'],
    ['identity', '27123456780'],
  ],
  createGroup: [
    ['name', 'nurses'],
    ['ids', '0197a3c2-5b1e-7c40-8d6f-3a2b1c0d9e8f'],
  ],
  replayCallback: [['ids', '5f0c7d5f8c5b4a35b8f1c3a6a6a0c9de']],
  renameGroup: [['name', 'midwives']],
  joinGroup: [['ids', '0197a3c2-5b1e-7c40-8d6f-3a2b1c0d9e8f']],
}

const params: Readonly<Record<string, string>> = {
  backend: 'clickatell',
  id: '0197a3c2-5b1e-7c40-8d6f-3a2b1c0d9e8f',
  group: 'nurses',
}

const queries: Readonly<Record<string, string>> = {
  statuses: '?since=2026-11-01',
  messages: '?after=0&limit=100',
  contacts: '?group=nurses',
  unlinkConnection: '?backend=clickatell&identity=27123456780',
  leaveGroup: '?id=0197a3c2-5b1e-7c40-8d6f-3a2b1c0d9e8f',
}

/** The same request in three languages. */
export function examplesOf(endpoint: Endpoint, serverUrl = 'http://localhost:8000'): readonly Example[] {
  const path = endpoint.path.replace(/\{(\w+)\}/g, (_, name: string) => params[name] ?? name)
  const url = `${serverUrl.replace(/\/$/, '')}${path}${queries[endpoint.id] ?? ''}`
  const fields = bodies[endpoint.id] ?? []
  return [
    { lang: 'Shell', label: 'curl', source: curl(endpoint, url, fields) },
    { lang: 'TypeScript', label: 'TypeScript', source: typeScript(endpoint, url, fields) },
    { lang: 'Python', label: 'Python', source: python(endpoint, url, fields) },
  ]
}

function curl({ method }: Endpoint, url: string, fields: readonly Field[]): string {
  const data = fields.map(([name, value]) => ` \\\n  -d '${name}=${value}'`).join('')
  return `curl -u 'username:password' -X ${method} '${url}'${data}`
}

function typeScript({ method }: Endpoint, url: string, fields: readonly Field[]): string {
  const body = fields.length === 0 ? '' : `  body: new URLSearchParams(${JSON.stringify(fields)}),\n`
  return [
    `const answer = await fetch('${url}', {`,
    `  method: '${method}',`,
    `  headers: { Authorization: \`Bearer \${process.env.API_KEY}\` },`,
    `${body}})`,
    'if (!answer.ok) throw new Error(await answer.text())',
    'console.log(await answer.text())',
  ].join('\n')
}

function python({ method }: Endpoint, url: string, fields: readonly Field[]): string {
  const list = fields.map(([name, value]) => `("${name}", "${value}")`).join(', ')
  const data = fields.length === 0 ? '' : `, data=urlencode([${list}]).encode()`
  return [
    'import os',
    ...(fields.length === 0 ? [] : ['from urllib.parse import urlencode']),
    'from urllib.request import Request, urlopen',
    '',
    `request = Request("${url}", method="${method}"${data})`,
    'request.add_header("Authorization", "Bearer " + os.environ["API_KEY"])',
    'print(urlopen(request).read().decode())',
  ].join('\n')
}
