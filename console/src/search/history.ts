import { rememberedList } from '../prefs'

const most = 20
const [read, write] = rememberedList('queries')

/** The queries that were asked last in this browser, the newest first. */
export const recentQueries = read

export function rememberQuery(text: string) {
  const query = text.trim()
  if (query) write([query, ...read().filter((q) => q !== query)].slice(0, most))
}

export const forgetQueries = () => write([])
