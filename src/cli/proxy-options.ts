/** One option of `switchboard proxy`, as a flag and as the variable of the same name in capitals. */
export interface ProxyOption {
  /** As the Nexmo messaging proxy spells it: `request_path`; with dashes it is understood as well. */
  readonly name: string
  /** What stands for the value in the help; without it the option is true or false. */
  readonly value?: string
  readonly describe: string
  /** Taken from the environment only: whoever is on the machine can read the process list. */
  readonly isSecret?: true
  /** The original had it, and it does nothing here. */
  readonly instead?: string
}

const LOGS = 'the log goes to standard output, where the service manager keeps it'

/** Those of the Nexmo messaging proxy, in its order, and then our own. */
export const proxyOptions: readonly ProxyOption[] = [
  { name: 'message', value: 'text', describe: 'what is sent' },
  { name: 'sender', value: 'sender', describe: 'the sender' },
  { name: 'request_path', value: 'path', describe: 'where (default: /message/)' },
  { name: 'port', value: 'number', describe: 'the port to serve on; 0 takes a free one (default: 8000)' },
  { name: 'localhostonly', describe: 'serve this machine only (default: true; false serves every address)' },
  { name: 'guess_country', describe: 'guess the country of national numbers (default: true)' },
  { name: 'default_country', value: 'country', describe: 'the country where nothing else tells (default: DE)' },
  {
    name: 'limit_amount',
    value: 'number',
    describe: 'requests of one client to each path; 0 for no limit (default: 10)',
  },
  { name: 'limit_expires', value: 'seconds', describe: 'for how long they count (default: 3600)' },
  { name: 'nexmo_api_key', value: 'key', describe: 'the key of the account' },
  { name: 'nexmo_api_secret', value: 'secret', isSecret: true, describe: 'the secret of the account' },
  { name: 'nexmo_dlr_url', value: 'url', describe: 'where delivery reports come in, as the outside reaches it' },
  { name: 'nexmo_domain', value: 'domain', describe: 'where the API answers (default: rest.nexmo.com)' },
  { name: 'nexmo_endpoint', value: 'path', describe: 'its path there (default: sms/json)' },
  { name: 'nexmo_long_virtual_number', value: 'number', describe: 'the sender to North America' },
  { name: 'nexmo_ssl', describe: 'ask the API over TLS (default: true)' },
  { name: 'redis_db', value: 'number', describe: 'the database of Redis (default: 0)' },
  {
    name: 'redis_host',
    value: 'host',
    describe: 'the Redis that counts requests (default: none, this process counts)',
  },
  { name: 'redis_password', value: 'password', isSecret: true, describe: 'its password' },
  { name: 'redis_port', value: 'number', describe: 'its port (default: 6379)' },
  { name: 'development_mode', describe: 'send nothing, and say that all is well (default: false)' },
  { name: 'log_file_max_size', value: 'bytes', describe: 'nothing', instead: LOGS },
  { name: 'log_file_num_backups', value: 'number', describe: 'nothing', instead: LOGS },
  { name: 'log_file_prefix', value: 'path', describe: 'nothing', instead: LOGS },
  { name: 'log_to_stderr', describe: 'nothing', instead: LOGS },
  { name: 'logging', value: 'level', describe: 'debug, info, warning, error or none (default: info)' },
  { name: 'host', value: 'address', describe: 'the address to serve on, over localhostonly' },
  {
    name: 'trusted_proxies',
    value: 'list',
    describe: 'addresses of proxies in front, whose X-Forwarded-For is believed',
  },
  { name: 'origins', value: 'list', describe: 'other sites whose pages may ask, such as https://www.example.org' },
  { name: 'jsonp', describe: 'answer as a script where “callback” is given (default: true)' },
  { name: 'compat', describe: 'answer in the words of the original (default: true)' },
]

/** What was given, by the names of the options. */
export type ProxyValues = Readonly<Partial<Record<string, string | boolean>>>

/** What a flag says stands over what the environment says; an empty variable counts as not set. */
export function givenValues(
  flags: Readonly<Record<string, unknown>>,
  env: Readonly<Record<string, string | undefined>>,
): ProxyValues {
  const entries = proxyOptions.flatMap(({ name }) => {
    const flag = flags[name] ?? flags[camelCase(name)]
    const given = typeof flag === 'boolean' || typeof flag === 'string' ? flag : env[name.toUpperCase()]
    return given === undefined || given === '' ? [] : [[name, given] as const]
  })
  return Object.fromEntries(entries)
}

/** As a parser of flags names `--request-path`. */
function camelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
}
