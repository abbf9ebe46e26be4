import type { Text } from '../messages/incoming.ts'
import { bodyFaults, isBody, isSlug } from '../router/template-body.ts'
import { TemplateEngine } from '../router/template-engine.ts'
import type { TemplateRule, TemplateRules } from '../router/template-texts.ts'
import type { FixedTemplate } from '../router/templates.ts'
import type { SettingsFault } from './errors.ts'
import { unknownKey } from './faults.ts'
import { isRecord } from './record.ts'

/** A template of the settings: a text, one for each language, or either with what else holds for it. */
export type TemplateSettings =
  | Text
  | {
      /** Liquid. */
      readonly body: Text
      /** Nothing is sent of a template that is not; true by default. */
      readonly active?: boolean
      /** Whether one person may get it twice about the same thing; true by default. */
      readonly allowDuplicates?: boolean
    }

const FLAGS = ['active', 'allowDuplicates'] as const

/** Checks the templates, their syntax included. */
export function parseTemplates(input: unknown, faults: SettingsFault[]): ReadonlyMap<string, FixedTemplate> {
  const templates = new Map<string, FixedTemplate>()
  if (input === undefined) return templates
  if (!isRecord(input)) {
    faults.push({ path: 'templates', message: 'an object is expected: the templates by their names' })
    return templates
  }
  const engine = new TemplateEngine()
  for (const [slug, given] of Object.entries(input)) {
    const path = `templates.${slug}`
    if (!isSlug(slug)) {
      faults.push({ path, message: 'a name of letters of ASCII, digits, - and _ is expected, 100 at the most' })
      continue
    }
    const template = toTemplate(given, path, engine, faults)
    if (template !== undefined) templates.set(slug, template)
  }
  return templates
}

/** Checks the rules of templates; one for a slug that is in the store alone may stand here too. */
export function parseTemplateRules(input: unknown, faults: SettingsFault[]): TemplateRules | undefined {
  if (input === undefined || isRule(input)) return input
  if (!isRecord(input)) {
    faults.push({ path: 'templateRules', message: 'a function is expected, or one for each template' })
    return undefined
  }
  const rules: Record<string, TemplateRule> = {}
  for (const [slug, rule] of Object.entries(input)) {
    if (isRule(rule)) rules[slug] = rule
    else faults.push({ path: `templateRules.${slug}`, message: 'a function is expected' })
  }
  return Object.freeze(rules)
}

/** The templates as they may be printed. */
export function printableTemplates(templates: ReadonlyMap<string, FixedTemplate>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(templates)
}

function toTemplate(
  given: unknown,
  path: string,
  engine: TemplateEngine,
  faults: SettingsFault[],
): FixedTemplate | undefined {
  const isWhole = isRecord(given) && 'body' in given
  const whole: Readonly<Record<string, unknown>> = isWhole ? given : { body: given }
  const before = faults.length
  for (const key of Object.keys(whole)) {
    const known = ['body', ...FLAGS]
    if (!known.includes(key)) faults.push(unknownKey(`${path}.${key}`, key, known))
  }
  for (const flag of FLAGS) {
    if (whole[flag] !== undefined && typeof whole[flag] !== 'boolean')
      faults.push({ path: `${path}.${flag}`, message: 'true or false is expected' })
  }
  const { body } = whole
  const place = isWhole ? `${path}.body` : path
  for (const { language, message } of bodyFaults(body, engine)) {
    faults.push({ path: language === null ? place : `${place}.${language}`, message })
  }
  if (faults.length > before || !isBody(body, engine)) return undefined
  const copy = typeof body === 'string' ? body : Object.freeze({ ...body })
  return Object.freeze({
    body: copy,
    active: whole['active'] !== false,
    allowDuplicates: whole['allowDuplicates'] !== false,
  })
}

function isRule(value: unknown): value is TemplateRule {
  return typeof value === 'function'
}
