import { useEffect, useRef, useState } from 'preact/hooks'
import type { ComponentChildren } from 'preact'
import { askTenants, refused, setTenant, setToken, tenant, tenants, token, wanted } from './access'
import { lang, setLang, setTheme, theme } from './prefs'
import { useText } from './i18n'
import { href, navigate, usePlace } from './route'
import { Icon } from './ui/icon'
import { TokenForm } from './ui/token-form'

/** The product's sign is its subject: a server's bar inside its client's. */
function Mark() {
  return (
    <svg viewBox="0 0 24 16" aria-hidden="true">
      <rect x=".75" y="1.75" width="22.5" height="12.5" rx="3" fill="var(--accent-soft)" stroke="var(--accent)" stroke-width="1.5" />
      <rect x="5" y="5.5" width="13" height="5" rx="1" fill="var(--accent)" />
    </svg>
  )
}

function Jump() {
  const t = useText()
  const [text, setText] = useState('')
  const input = useRef<HTMLInputElement>(null)
  useEffect(() => {
    const onKey = (e: KeyboardEvent) => {
      if (e.key !== '/' || e.metaKey || e.ctrlKey || e.altKey) return
      if ((e.target as Element).closest('input, textarea, select, [contenteditable]')) return
      e.preventDefault()
      input.current?.focus()
    }
    document.addEventListener('keydown', onKey)
    return () => document.removeEventListener('keydown', onKey)
  }, [])
  const go = (e: Event) => {
    e.preventDefault()
    // A pasted id often comes with quotes or blanks from a log line.
    const id = text.trim().replace(/^["']+|["',;]+$/g, '')
    if (!id) return
    setText('')
    input.current?.blur()
    navigate(`/trace/${encodeURIComponent(id)}`)
  }
  return (
    <form class="jump" role="search" onSubmit={go}>
      <input
        ref={input}
        class="input"
        name="trace"
        autocomplete="off"
        spellcheck={false}
        placeholder={t('jump.placeholder')}
        aria-label={t('jump.label')}
        value={text}
        onInput={(e) => setText(e.currentTarget.value)}
        onKeyDown={(e) => e.key === 'Escape' && e.currentTarget.blur()}
      />
      <kbd>/</kbd>
    </form>
  )
}

/** Chooses among tenants, where there are several. */
function TenantSwitch() {
  const t = useText()
  const may = tenants.use()
  useEffect(() => void askTenants(), [])
  if (!may?.header || (may.tenants.length < 2 && (!tenant || may.tenants.includes(tenant)))) return null
  const here = tenant || may.unnamed
  return (
    <select class="input tenant" aria-label={t('access.tenant')} title={t('access.tenant')} value={here} onChange={(e) => setTenant(e.currentTarget.value)}>
      {!may.tenants.includes(here) && <option value={here}>{here}</option>}
      {may.tenants.map((name) => (
        <option key={name} value={name}>
          {name}
        </option>
      ))}
    </select>
  )
}

const nextTheme = { system: 'light', light: 'dark', dark: 'system' } as const
const themeIcon = { system: 'system', light: 'sun', dark: 'moon' } as const

export function Shell({ children }: { children: ComponentChildren }) {
  const t = useText()
  const { path, params } = usePlace()
  const chosen = theme.use()
  const l = lang.use()
  const shown = token.use()
  const want = wanted.use()
  // The time range goes along from page to page: it is the question's frame.
  const frame = new URLSearchParams()
  for (const key of ['from', 'to']) {
    const value = params.get(key)
    if (value) frame.set(key, value)
  }
  const entries = [
    { to: '/', text: t('nav.search'), here: path === '/' || path.startsWith('/trace') },
    { to: '/topology', text: t('nav.topology'), here: path === '/topology' },
    { to: '/apps', text: t('nav.apps'), here: path === '/apps' },
    { to: '/pipeline', text: t('nav.pipeline'), here: path === '/pipeline' },
  ]
  return (
    <>
      <a class="btn skip" href="#main" onClick={(e) => { e.preventDefault(); document.getElementById('main')?.focus() }}>
        {t('nav.skip')}
      </a>
      <header class="top">
        <a class="brand" href="/">
          <Mark />
          Twinspan
        </a>
        <nav class="nav" aria-label={t('nav.main')}>
          {entries.map((e) => (
            <a key={e.to} href={href(e.to, frame)} aria-current={e.here ? 'page' : undefined}>
              {e.text}
            </a>
          ))}
        </nav>
        <Jump />
        <div class="switches">
          <TenantSwitch />
          {shown && !want && (
            <button type="button" class="btn plain icon" title={t('access.forget')} aria-label={t('access.forget')} onClick={() => { setToken(''); refused('') }}>
              <Icon name="key" />
            </button>
          )}
          <button type="button" class="btn plain lang" lang={l === 'en' ? 'zh-CN' : 'en'} title={t('lang.switch')} aria-label={t('lang.switch')} onClick={() => setLang(l === 'en' ? 'zh' : 'en')}>
            {t('lang.short')}
          </button>
          <button type="button" class="btn plain icon" title={t(`theme.${chosen}`)} aria-label={t(`theme.${chosen}`)} onClick={() => setTheme(nextTheme[chosen])}>
            <Icon name={themeIcon[chosen]} />
          </button>
        </div>
      </header>
      <main id="main" tabIndex={-1} style="outline:none">
        {want ? <TokenForm key={want} refused={want === 'refused'} /> : children}
      </main>
    </>
  )
}
