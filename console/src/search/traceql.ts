/**
 * Filters as TraceQL and back, and what may stand at a place of a query. The language itself is the server's: this file
 * knows only what the form can say.
 */
import { structureKeys, type FilterKey, type SearchState, type StructureKey } from './state.ts'

type Filters = SearchState['filters']
type Structure = SearchState['structure']

/** A text as TraceQL quotes it. */
export const quote = (text: string) => `"${text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n')}"`
const unquote = (text: string) => text.slice(1, -1).replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c))

/** An attribute's name behind its dot, in quotes where it needs them. */
export const attribute = (key: string) => (/^[A-Za-z_][\w.:/-]*$/.test(key) ? `.${key}` : `.${quote(key)}`)

const escapeRegex = (s: string) => s.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

const isBool = (s: string) => s === 'true' || s === 'false'
const isNumber = (s: string) => /^-?\d{1,15}(\.\d{1,9})?$/.test(s)

/** A tag compares texts; TraceQL compares values, so that a number may be either. */
function tagCondition(tag: string): string {
  const i = tag.indexOf('=')
  if (i < 0) return `${attribute(tag)} != nil`
  const name = attribute(tag.slice(0, i))
  const value = tag.slice(i + 1)
  return isNumber(value) || isBool(value) ? `(${name} = ${value} || ${name} = ${quote(value)})` : `${name} = ${quote(value)}`
}

function addressCondition(address: string): string {
  const withPort = /:\d+$/.test(address) && !/^[0-9a-f:]*:[0-9a-f:]*$/i.test(address)
  const test = withPort ? `= ${quote(address)}` : `=~ ${quote(`\\[?${escapeRegex(address)}\\]?(:\\d+)?`)}`
  return `(call:callerAddress ${test} || call:calleeAddress ${test})`
}

const conditions: Record<FilterKey, (value: string) => string> = {
  app: (v) => `(call:caller = ${quote(v)} || call:callee = ${quote(v)})`,
  caller: (v) => (v === 'external' ? 'call:caller = nil' : `call:caller = ${quote(v)}`),
  callee: (v) => (v === 'external' ? 'call:callee = nil' : `call:callee = ${quote(v)}`),
  operation: (v) => `call:operation = ${quote(v)}`,
  address: addressCondition,
  type: (v) => `call:type = ${quote(v)}`,
  error: (v) => (v === 'true' ? 'status = error' : 'status != error'),
  minDuration: (v) => `duration >= ${v}`,
  maxDuration: (v) => `duration <= ${v}`,
  resultCode: (v) => `call:resultCode = ${quote(v)}`,
  loadTest: (v) => `call:loadTest = ${v}`,
}

/** The form's state as TraceQL. */
export function toTraceQL(s: Pick<SearchState, 'filters' | 'tags' | 'structure' | 'scope'>): string {
  const list = (Object.keys(conditions) as FilterKey[]).filter((k) => s.filters[k]).map((k) => conditions[k](s.filters[k] as string))
  if (s.scope === 'entry' && !s.filters.caller) list.unshift(conditions.caller('external'))
  list.push(...s.tags.map(tagCondition))
  if (s.structure.rootApp) list.push(`rootServiceName = ${quote(s.structure.rootApp)}`)
  let text = list.length ? `{ ${list.join(' && ')} }` : '{ }'
  if (s.structure.ancestorError) text = `{ status = error } >> ${text}`
  if (s.structure.through) text = `{ resource.service.name = ${quote(s.structure.through)} } >> ${s.structure.ancestorError ? `(${text})` : text}`
  return text
}

/** What the form would be for a query, null where it can't say it. */
export function fromTraceQL(text: string): { filters: Filters; tags: string[]; structure: Structure; entry: boolean } | null {
  let rest = text.trim()
  const structure: Structure = {}
  const through = /^\{ *resource\.service\.name *= *("(?:[^"\\]|\\.)*") *\} *>> *([^]*)$/.exec(rest)
  if (through) {
    structure.through = unquote(through[1])
    rest = through[2].trim()
    const inner = /^\(([^]*)\)$/.exec(rest)
    if (inner) rest = inner[1].trim()
  }
  const above = /^\{ *status *= *error *\} *>> *([^]*)$/.exec(rest)
  if (above) {
    structure.ancestorError = 'true'
    rest = above[1].trim()
  }
  if (!/^\{[^{]*\}$/.test(rest)) return null
  const filters: Filters = {}
  const tags: string[] = []
  for (const part of conjuncts(rest.slice(1, -1))) {
    if (!part) continue
    const root = /^rootServiceName *= *("(?:[^"\\]|\\.)*")$/.exec(part)
    if (root && !structure.rootApp) {
      structure.rootApp = unquote(root[1])
      continue
    }
    const found = filterOf(part)
    if (found && !filters[found[0]]) filters[found[0]] = found[1]
    else if (found) return null
    else {
      const tag = tagOf(part)
      if (tag === null) return null
      tags.push(tag)
    }
  }
  return { filters, tags, structure, entry: filters.caller === 'external' }
}

/** The parts of a condition that && joins, outside of quotes and parentheses. */
function conjuncts(text: string): string[] {
  const parts: string[] = []
  let depth = 0
  let from = 0
  for (let i = 0; i < text.length; i++) {
    const c = text[i]
    if (c === '"') {
      while (++i < text.length && text[i] !== '"') if (text[i] === '\\') i++
    } else if (c === '(') depth++
    else if (c === ')') depth--
    else if (depth === 0 && text.startsWith('&&', i)) {
      parts.push(text.slice(from, i).trim())
      from = i + 2
      i++
    }
  }
  parts.push(text.slice(from).trim())
  return parts
}

const readers: [FilterKey, RegExp][] = [
  ['app', /^\(call:caller *= *("(?:[^"\\]|\\.)*") *\|\| *call:callee *= *\1\)$/],
  ['caller', /^call:caller *= *("(?:[^"\\]|\\.)*"|nil)$/],
  ['callee', /^call:callee *= *("(?:[^"\\]|\\.)*"|nil)$/],
  ['operation', /^call:operation *= *("(?:[^"\\]|\\.)*")$/],
  ['address', /^\(call:callerAddress *(=~? *"(?:[^"\\]|\\.)*") *\|\| *call:calleeAddress *\1\)$/],
  ['type', /^call:type *= *("(?:http|rpc|db|cache|mq|internal)")$/],
  ['minDuration', /^duration *>= *(\d[\w.]*)$/],
  ['maxDuration', /^duration *<= *(\d[\w.]*)$/],
  ['resultCode', /^call:resultCode *= *("(?:[^"\\]|\\.)*")$/],
  ['loadTest', /^call:loadTest *= *(true|false)$/],
]

function filterOf(part: string): [FilterKey, string] | null {
  const outcome = /^status *(!?=) *error$/.exec(part)
  if (outcome) return ['error', String(outcome[1] === '=')]
  for (const [key, pattern] of readers) {
    const m = pattern.exec(part)
    if (!m) continue
    if (key === 'address') {
      const value = unquote(m[1].replace(/^=~? */, ''))
      return ['address', m[1].startsWith('=~') ? value.replace(/^\\\[\?/, '').replace(/\\\]\?\(:\\d\+\)\?$/, '').replace(/\\(.)/g, '$1') : value]
    }
    return [key, m[1] === 'nil' ? 'external' : m[1].startsWith('"') ? unquote(m[1]) : m[1]]
  }
  return null
}

function tagOf(part: string): string | null {
  const name = String.raw`\.((?:[A-Za-z_][\w.:/-]*)|"(?:[^"\\]|\\.)*")`
  const plain = (n: string) => (n.startsWith('"') ? unquote(n) : n)
  let m = new RegExp(`^${name} *!= *nil$`).exec(part)
  if (m) return plain(m[1])
  m = new RegExp(`^${name} *= *("(?:[^"\\\\]|\\\\.)*")$`).exec(part)
  if (m) return `${plain(m[1])}=${unquote(m[2])}`
  m = new RegExp(`^\\(${name} *= *([^ "|]+) *\\|\\| *\\.(?:[^ ]+|"[^"]*") *= *("[^"]*")\\)$`).exec(part)
  return m && unquote(m[3]) === m[2] ? `${plain(m[1])}=${m[2]}` : null
}

/** Whether the form's state asks about structure, which only TraceQL can. */
export const isStructural = (s: SearchState) => structureKeys.some((k: StructureKey) => s.structure[k])

/** What may be typed at a place: the text from `from` to the caret is to be replaced. */
export type Wanted =
  | { kind: 'name'; from: number; text: string }
  | { kind: 'value'; from: number; text: string; attribute: string }
  | { kind: 'stage'; from: number; text: string }

/** What is being written before the caret, null where nothing can be offered. */
export function wantedAt(text: string, caret: number): Wanted | null {
  const before = text.slice(0, caret)
  let depth = 0
  let quoted = false
  for (let i = 0; i < before.length; i++) {
    const c = before[i]
    if (quoted) {
      if (c === '\\') i++
      else if (c === '"') quoted = false
    } else if (c === '"') quoted = true
    else if (c === '{') depth++
    else if (c === '}') depth--
  }
  const word = /[\w.:]*$/.exec(before)?.[0] ?? ''
  if (depth <= 0) {
    const inCall = /\b(?:by|select|avg|min|max|sum)\s*\(\s*(?:[\w.:]+\s*,\s*)*[\w.:]*$/.test(before)
    if (inCall) return { kind: 'name', from: caret - word.length, text: word }
    return quoted ? null : { kind: 'stage', from: caret - word.length, text: word }
  }
  const value = /([\w.:]+|(?:\w+)?\."[^"]*")\s*(?:=~|!~|!=|>=|<=|=|>|<)\s*("[^"]*|[\w.]*)$/.exec(before)
  if (value) return { kind: 'value', from: caret - value[2].length, text: value[2].replace(/^"/, ''), attribute: value[1] }
  return quoted ? null : { kind: 'name', from: caret - word.length, text: word }
}

export const stages = ['{ }', '&& { }', '|| { }', '>> { }', '> { }', '<< { }', '~ { }', '!>> { }', '| count() > ', '| avg(duration) > ', '| max(duration) > ', '| by(resource.service.name)', '| select()', '| coalesce()']
