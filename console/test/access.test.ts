/** The console before a server that wants a token and has tenants. CHROMIUM is as in console.test.ts. */
import { existsSync } from 'node:fs'
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startServer, type Guard } from '../mock/server'

const executablePath = process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync)

let base = ''
let stop = async () => {}
let browser: Browser
/** Tenants of the requests for data, in their order. */
let asked: string[] = []
/** In ms, for what hangs. */
const patience = 180_000

const json = (res: Parameters<Guard>[1], status: number, body: unknown) => {
  res.writeHead(status, { 'Content-Type': 'application/json' })
  res.end(JSON.stringify(body))
}
const error = (code: string, message: string) => ({ error: { code, message } })

const guard: Guard = (req, res) => {
  if (req.headers.authorization !== 'Bearer the-right-token') {
    json(res, 401, error('unauthenticated', 'a token is needed'))
    return true
  }
  if (req.url === '/api/v1/tenants') {
    json(res, 200, { tenants: ['payments', 'shop'], unnamed: 'payments', header: 'X-Tenant' })
    return true
  }
  const tenant = String(req.headers['x-tenant'] ?? '')
  asked.push(tenant)
  if (tenant === 'ledger') {
    json(res, 403, error('forbidden', 'the token is not for the tenant "ledger"'))
    return true
  }
  return false
}

beforeAll(async () => {
  if (!executablePath) throw new Error('no Chromium found: install it, or name it in CHROMIUM')
  const server = await startServer('dist', guard)
  base = server.url
  stop = server.close
  // The first request makes the data.
  expect((await fetch(`${base}/api/v1/apps`, { headers: { Authorization: 'Bearer the-right-token' } })).status).toBe(200)
  browser = await chromium.launch({ executablePath, timeout: patience, args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] })
})

afterAll(async () => {
  await browser?.close()
  await stop()
})

async function open(options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-US', ...options })
  context.setDefaultTimeout(patience)
  asked = []
  return context.newPage()
}

const params = (page: Page) => new URL(page.url()).searchParams
const fits = (page: Page) => page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth)
const shot = async (page: Page, name: string) => {
  if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/${name}.png` })
}

async function signIn(page: Page, token = 'the-right-token') {
  await page.locator('.token-form input').fill(token)
  await page.locator('.token-form button[type=submit]').click()
}

describe('a server with tokens and tenants', () => {
  it('asks for a token, says when it is wrong, and goes on with the page', async () => {
    const page = await open()
    await page.goto(`${base}/apps`)
    await page.locator('.token-form').waitFor()
    expect(asked).toEqual([])
    await signIn(page, 'a-wrong-token')
    await page.getByText('The server does not know this token.').waitFor()
    await shot(page, 'token-refused')
    await signIn(page, ' Bearer the-right-token\n')
    await page.locator('main table').first().waitFor()
    expect(new URL(page.url()).pathname).toBe('/apps')
    await page.reload()
    await page.locator('main table').first().waitFor()
    await page.getByRole('button', { name: 'Forget the token' }).click()
    await page.locator('.token-form').waitFor()
    await page.reload()
    await page.locator('.token-form').waitFor()
    await page.context().close()
  })

  it('switches tenants, and every link says which', async () => {
    const page = await open()
    await page.goto(base)
    await signIn(page)
    await page.locator('.result a').first().waitFor()
    expect(new Set(asked)).toEqual(new Set(['']))
    const chooser = page.getByLabel('Tenant')
    expect(await chooser.inputValue()).toBe('payments')
    // As the page sends them: what it asked before may reach the server later.
    const sent: string[] = []
    page.on('request', (r) => void (/\/api\/v1\/(?!tenants)/.test(r.url()) && sent.push(r.headers()['x-tenant'] ?? '')))
    const answer = page.waitForResponse((r) => r.url().includes('/api/v1/calls?') && r.request().headers()['x-tenant'] === 'shop')
    await chooser.selectOption('shop')
    await page.waitForURL(/tenant=shop/)
    await answer
    await page.locator('.result a').first().waitFor()
    const others = () => sent.slice(sent.indexOf('shop')).filter((t) => t !== 'shop')
    expect(others()).toEqual([])
    await shot(page, 'tenant')
    await page.locator('.result a').first().click()
    await page.locator('.row.chosen').waitFor()
    expect(params(page).get('tenant')).toBe('shop')
    await page.getByRole('link', { name: 'Topology' }).click()
    await page.waitForURL(/topology.*tenant=shop/)
    // A URL that names none goes on with the last one.
    await page.goto(`${base}/apps`)
    await page.locator('main table').first().waitFor()
    expect(await page.getByLabel('Tenant').inputValue()).toBe('shop')
    expect(others()).toEqual([])
    await page.context().close()
  })

  it('shows the trace as the server writes it, with token and tenant', async () => {
    const page = await open()
    await page.goto(`${base}/?tenant=shop`)
    await signIn(page)
    await page.locator('.result a').first().click()
    await page.locator('.row.chosen').waitFor()
    const tab = page.context().waitForEvent('page')
    await page.getByRole('link', { name: 'JSON' }).click()
    const text = await tab
    await text.waitForURL(/^blob:/)
    expect(await text.locator('body').textContent()).toContain('"traceId"')
    await page.context().close()
  })

  it('says that a tenant is not for this token, and lets another one be chosen', async () => {
    const page = await open()
    await page.goto(`${base}/apps?tenant=ledger`)
    await signIn(page)
    await page.getByText('not for the tenant "ledger"').first().waitFor()
    await page.getByLabel('Tenant').selectOption('payments')
    await page.locator('main table').first().waitFor()
    await page.context().close()
  })

  for (const [name, options] of Object.entries({
    'phone-light-en': { viewport: { width: 390, height: 844 }, colorScheme: 'light' },
    'phone-dark-zh': { viewport: { width: 390, height: 844 }, colorScheme: 'dark', locale: 'zh-CN' },
    'desk-dark-zh': { viewport: { width: 1440, height: 900 }, colorScheme: 'dark', locale: 'zh-CN' },
  } satisfies Record<string, BrowserContextOptions>)) {
    it(`fits: ${name}`, async () => {
      const page = await open(options)
      await page.goto(`${base}/?tenant=shop`)
      await page.locator('.token-form').waitFor()
      expect(await fits(page)).toBe(true)
      await shot(page, `form-${name}`)
      await signIn(page)
      await page.locator('.result a').first().waitFor()
      expect(await fits(page)).toBe(true)
      const [select, jump] = await Promise.all([page.locator('.tenant').boundingBox(), page.locator('.jump').boundingBox()])
      expect((jump?.x ?? 0) + (jump?.width ?? 0)).toBeLessThanOrEqual(select?.x ?? 0)
      await shot(page, `search-${name}`)
      await page.context().close()
    })
  }
})
