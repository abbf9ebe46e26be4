import { XMLParser, XMLValidator } from 'fast-xml-parser'
import type { HttpResponse, ViewAnswer } from '../router/backend.ts'
import { UnreadableRequest } from './body.ts'
import { decodeText } from './charset.ts'
import { unexpectedAnswer } from './provider-codes.ts'

/** An element as it was written, names without their prefixes. */
export interface XmlElement {
  readonly name: string
  readonly attributes: ReadonlyMap<string, string>
  readonly children: readonly XmlElement[]
  /** The text directly in it, blanks as they came. */
  readonly text: string
}

const DEEPEST = 32
const LARGEST = 1024 * 1024
/** Each costs many times what a character does, and nothing else is done meanwhile. */
const MOST_TAGS = 20_000

/**
 * Reads XML from outside. Document types are refused, and so is what is too large (1 MiB, 20,000 tags) or nested deeper
 * than 32 levels: only the five entities of XML and numbers of characters are known.
 * @param charset of bytes that do not say their own; `utf-8` by default
 * @throws UnreadableRequest 400 when it is not well-formed
 */
export function parseXml(given: Uint8Array | string, charset = 'utf-8'): XmlElement {
  if (given.length > LARGEST) throw new UnreadableRequest(400, 'The XML is too large.')
  const text = (typeof given === 'string' ? given : decodeText(given, declaredCharset(given) ?? charset)).trim()
  const xml = text.replace(/^\ufeff/, '')
  if (/<!DOCTYPE|<!ENTITY/i.test(xml)) throw new UnreadableRequest(400, 'A document type is not allowed in the XML.')
  if (hasMore(xml, '<', MOST_TAGS)) throw new UnreadableRequest(400, 'The XML has too many tags.')
  let nodes: unknown
  try {
    if (XMLValidator.validate(xml) === true) nodes = new XMLParser(OPTIONS).parse(xml)
  } catch {
    // What the parser says of it may repeat what came.
  }
  const [root, ...others] = Array.isArray(nodes) ? elementsIn(nodes) : []
  if (root === undefined || others.length > 0)
    throw new UnreadableRequest(400, `The body is not valid XML of at most ${DEEPEST} levels.`)
  return root
}

const OPTIONS = {
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: '',
  removeNSPrefix: true,
  // Undone here, by the letter of XML alone.
  processEntities: false,
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
  cdataPropName: '#cdata',
  maxNestedTags: DEEPEST,
  ignoreDeclaration: true,
  ignorePiTags: true,
}

function hasMore(text: string, sign: string, most: number): boolean {
  let count = 0
  for (let at = text.indexOf(sign); at >= 0; at = text.indexOf(sign, at + 1)) if (++count > most) return true
  return false
}

/** In `<?xml version="1.0" encoding="ISO-8859-1"?>`. */
function declaredCharset(bytes: Uint8Array): string | undefined {
  const head = Buffer.from(bytes.subarray(0, 200)).toString('latin1')
  return /^\s*(?:\u00ef\u00bb\u00bf)?<\?xml[^>]*?encoding\s*=\s*["']([\w.:-]+)["']/i.exec(head)?.[1]
}

function elementsIn(nodes: readonly unknown[]): XmlElement[] {
  return nodes.flatMap((node) => {
    if (!isRecord(node)) return []
    const name = Object.keys(node).find((key) => key !== ':@')
    const inner = name === undefined ? undefined : node[name]
    return name === undefined || name.startsWith('#') || !Array.isArray(inner) ? [] : [element(name, inner, node[':@'])]
  })
}

function element(name: string, inner: readonly unknown[], attributes: unknown): XmlElement {
  const pairs = isRecord(attributes) ? Object.entries(attributes) : []
  return {
    name,
    attributes: new Map(pairs.map(([key, value]) => [key, withoutEntities(String(value))])),
    children: elementsIn(inner),
    text: inner.map(textIn).join(''),
  }
}

function textIn(node: unknown): string {
  if (!isRecord(node)) return ''
  const { '#text': text, '#cdata': cdata } = node
  if (typeof text === 'string') return withoutEntities(text)
  const [inside]: unknown[] = Array.isArray(cdata) ? cdata : []
  return isRecord(inside) ? String(inside['#text'] ?? '') : ''
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

function withoutEntities(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(amp|lt|gt|quot|apos));/gi, (whole, decimal, hex, name) => {
    if (typeof name === 'string') return ENTITIES[name] ?? whole
    const code = decimal === undefined ? Number.parseInt(String(hex), 16) : Number(decimal)
    return code <= 0x10ffff ? String.fromCodePoint(code).toWellFormed() : '\ufffd'
  })
}

/** All elements of a name below an element, itself included, in the order of the text. Case does not count. */
export function elementsOf(root: XmlElement, name: string): readonly XmlElement[] {
  const own = root.name.toLowerCase() === name.toLowerCase() ? [root] : []
  return [...own, ...root.children.flatMap((child) => elementsOf(child, name))]
}

/** The trimmed text of the first such element; undefined when there is none. */
export function textOf(root: XmlElement, name: string): string | undefined {
  return elementsOf(root, name)[0]?.text.trim()
}

/**
 * Reads an XML answer.
 * @throws MessageSendError with the beginning of what came when it is none
 */
export function xmlOf(response: HttpResponse, what: string, secrets: readonly string[] = []): XmlElement {
  try {
    return parseXml(response.body)
  } catch {
    throw unexpectedAnswer(response, what, secrets)
  }
}

/** A text between tags or in an attribute; characters that XML cannot hold are left out. */
export function escapeXml(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '')
    .replace(/[&<>"'\r]/g, (char) => WRITTEN[char] ?? char)
}

const WRITTEN: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  '\r': '&#13;',
}

/** An answer of XML. */
export function xmlAnswer(body: string, status = 200): ViewAnswer {
  return { status, headers: { 'content-type': 'text/xml; charset=utf-8' }, body }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
