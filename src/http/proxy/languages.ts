import { isRegion, type Region } from '../../messages/numbers.ts'

const LONGEST_HEADER = 1_000
const MOST_LANGUAGES = 20

/**
 * Languages that are at home in one country, by which a browser that names no country is placed. Those of many countries
 * (English, Spanish, Portuguese, Arabic, Swahili) tell nothing.
 */
const homes: Readonly<Record<string, Region>> = {
  am: 'ET',
  az: 'AZ',
  be: 'BY',
  bg: 'BG',
  ca: 'ES',
  cs: 'CZ',
  da: 'DK',
  de: 'DE',
  el: 'GR',
  et: 'EE',
  eu: 'ES',
  fi: 'FI',
  fr: 'FR',
  gl: 'ES',
  he: 'IL',
  hr: 'HR',
  hu: 'HU',
  hy: 'AM',
  id: 'ID',
  is: 'IS',
  it: 'IT',
  ja: 'JP',
  ka: 'GE',
  kk: 'KZ',
  km: 'KH',
  ko: 'KR',
  lo: 'LA',
  lt: 'LT',
  lv: 'LV',
  mg: 'MG',
  mk: 'MK',
  mn: 'MN',
  my: 'MM',
  nb: 'NO',
  ne: 'NP',
  nl: 'NL',
  nn: 'NO',
  no: 'NO',
  pl: 'PL',
  rw: 'RW',
  si: 'LK',
  sk: 'SK',
  sl: 'SI',
  so: 'SO',
  sq: 'AL',
  sv: 'SE',
  th: 'TH',
  tr: 'TR',
  uk: 'UA',
  uz: 'UZ',
  vi: 'VN',
}

/** The languages of an Accept-Language header (RFC 9110, 12.5.4), the one liked best first. */
export function acceptedLanguages(header: string | undefined): readonly string[] {
  if (header === undefined || header.length > LONGEST_HEADER) return []
  return header
    .split(',', MOST_LANGUAGES)
    .map((range) => {
      const [tag = '', ...parameters] = range.split(';').map((part) => part.trim())
      const weight = parameters.find((parameter) => /^q\s*=/i.test(parameter))
      const q = weight === undefined ? 1 : Number(weight.replace(/^q\s*=\s*/i, '') || Number.NaN)
      return { tag: tag.replaceAll('_', '-'), q }
    })
    .filter(({ tag, q }) => q > 0 && q <= 1 && /^[a-z]{2,8}(-[a-z\d]{1,8})*$/i.test(tag))
    .sort((a, b) => b.q - a.q)
    .map(({ tag }) => tag)
}

/** The countries these languages speak of: by their region, else where the language is at home. */
export function countriesOf(languages: readonly string[]): readonly Region[] {
  return languages.flatMap((tag) => {
    const [language = '', ...subtags] = tag.split('-')
    const region = subtags.find((subtag) => /^[a-z]{2}$/i.test(subtag))?.toUpperCase()
    if (region !== undefined) return isRegion(region) ? [region] : []
    const home = homes[language.toLowerCase()]
    return home === undefined ? [] : [home]
  })
}
