/**
 * Opens the console in headless Chromium: the search, a trace, the topology. With TWINSPAN_URL it looks at that server
 * and asks of its data only that some calls arrived within the last quarter of an hour; otherwise it looks at the built
 * console on the mock. CHROMIUM names the browser where it isn't /usr/bin/chromium.
 */
import { existsSync } from 'node:fs'
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startServer } from '../mock/server'

const executablePath = process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync)
const real = process.env.TWINSPAN_URL?.replace(/\/$/, '')

let base = real ?? ''
let stop = async () => {}
let browser: Browser
let page: Page
let complaints: string[] = []
/** Of what a test brings about itself, the browser complains, at a moment of its own choice. */
let expected: RegExp | undefined
/** In ms, for what hangs. */
const patience = 180_000

async function open(options: BrowserContextOptions = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-US', ...options })
  context.setDefaultTimeout(patience)
  page = await context.newPage()
  page.on('pageerror', (e) => complaints.push(e.message))
  page.on('console', (m) => {
    if (m.type() === 'error' && !/status of 404/.test(m.text())) complaints.push(m.text())
  })
  page.on('request', (r) => {
    if (!r.url().startsWith(base)) complaints.push(`asked elsewhere: ${r.url()}`)
  })
}

/** The page is no wider than its window. */
const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth)
const params = () => new URL(page.url()).searchParams
const path = () => new URL(page.url()).pathname

beforeAll(async () => {
  if (!executablePath) throw new Error('no Chromium found: install it, or name it in CHROMIUM')
  if (!real) {
    const server = await startServer('dist')
    base = server.url
    stop = server.close
    // The first request makes the data.
    expect((await fetch(`${base}/api/v1/apps`)).status).toBe(200)
  }
  browser = await chromium.launch({
    executablePath,
    timeout: patience,
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  })
})

afterAll(async () => {
  await browser?.close()
  await stop()
})

beforeEach(async () => {
  complaints = []
  expected = undefined
  await open()
})

afterEach(async () => {
  await page.context().close()
  expect(complaints.filter((c) => !expected?.test(c))).toEqual([])
})

describe('the console', () => {
  it('searches: rows, scatter, and on to a trace and back', async () => {
    await page.goto(base)
    await page.locator('.result a').first().waitFor()
    await page.locator('.scatter canvas').waitFor()
    expect(await page.locator('.result:not(.head)').count()).toBeGreaterThan(0)
    const row = page.locator('.result a').first()
    const operation = (await row.textContent()) ?? ''
    await row.click()
    await page.locator('.row.chosen').waitFor()
    expect(path()).toMatch(/^\/trace\//)
    expect(await page.locator('.row.chosen').textContent()).toContain(operation === '–' ? '' : operation)
    await page.locator('.detail').waitFor()
    await page.goBack()
    await page.locator('.result a').first().waitFor()
    expect(path()).toBe('/')
  })

  it('narrows time and duration by a drag over the scatter', async () => {
    await page.goto(base)
    await page.getByText(/\d[kMG]? calls/).first().waitFor()
    const box = (await page.locator('.scatter canvas').boundingBox())!
    await page.mouse.move(box.x + box.width * 0.3, box.y + 30)
    await page.mouse.down()
    await page.mouse.move(box.x + box.width * 0.9, box.y + 150, { steps: 4 })
    await page.mouse.up()
    await page.waitForURL(/from=/)
    expect(Date.parse(params().get('from')!)).toBeLessThan(Date.parse(params().get('to')!))
    expect(params().get('minDuration')).toMatch(/^\d+(ns|us|ms|s)$/)
    expect(params().get('maxDuration')).toMatch(/^\d+(ns|us|ms|s)$/)
    await page.goBack()
    await page.waitForURL((u) => !u.search)
  })

  it('shows requests from outside until all calls are asked for', async () => {
    let samples = 0
    page.on('request', (r) => void (r.url().includes('/api/v1/calls/scatter?') && samples++))
    await page.goto(base)
    await page.locator('.result a').first().waitFor()
    await page.getByText(/\d[kMG]? calls/).first().waitFor()
    expect(samples).toBe(1)
    const callers = () => page.locator('.result:not(.head) .r-route').allTextContents()
    expect((await callers()).every((c) => c.startsWith('outside'))).toBe(true)
    await page.getByRole('radio', { name: 'All calls' }).click()
    await page.waitForURL(/scope=all/)
    await page.locator('.result .r-gap').first().waitFor()
    await page.waitForFunction(() => [...document.querySelectorAll('.result:not(.head) .r-route')].some((e) => !e.textContent?.startsWith('outside')))
  })

  it('asks by TraceQL: written, completed, refused in its place, kept, and turned back into filters', async () => {
    await page.goto(`${base}/?error=false&scope=all`)
    await page.getByRole('radio', { name: 'TraceQL' }).click()
    await page.waitForURL((u) => u.searchParams.get('query') === '{ status != error }')
    await page.locator('.result a').first().waitFor()
    const editor = page.getByLabel('TraceQL query')
    await editor.fill('')
    await editor.pressSequentially('{ resource.service.na')
    await page.getByRole('option', { name: 'resource.service.name' }).first().waitFor()
    await page.keyboard.press('Enter')
    await page.waitForFunction(() => (document.querySelector('.editor-text') as HTMLTextAreaElement).value === '{ resource.service.name')
    await page.keyboard.type(' = ')
    await page.getByRole('option').first().waitFor()
    await page.keyboard.press('Escape')
    expected = /status of 400/
    await editor.fill('{ .a = }')
    await page.locator('.editor-problem').waitFor()
    expect(await page.locator('mark.wrong').textContent()).toBe('}')
    await editor.fill('{ duration >= 1ns && status != error }')
    await page.keyboard.press('Enter')
    await page.waitForURL((u) => u.searchParams.get('query')?.includes('1ns') ?? false)
    await page.locator('.result a').first().waitFor()
    await page.locator('.scatter canvas').waitFor()
    await page.reload()
    await page.getByRole('button', { name: 'Recent' }).click()
    await page.locator('.editor-past li').getByText('1ns').waitFor()
    await page.getByRole('radio', { name: 'Filters' }).click()
    await page.waitForURL((u) => u.searchParams.get('minDuration') === '1ns' && !u.searchParams.get('query'))
  })

  it('asks what lies around a call', async () => {
    await page.goto(`${base}/?scope=all`)
    await page.locator('.result a').first().waitFor()
    const answer = page.waitForResponse((r) => r.url().includes('/api/v1/calls?') && new URL(r.url()).searchParams.get('query') === '{ status = error } >> { }')
    await page.getByLabel('Something above it failed').check()
    await page.waitForURL(/ancestorError=true/)
    expect((await answer).status()).toBe(200)
    await page.waitForFunction(() => document.querySelector('.result a, .notice'))
  })

  it('shows the apps with their trends and operations', async () => {
    await page.goto(`${base}/apps`)
    await page.locator('.apps .spark').first().waitFor()
    await page.locator('.app-open').first().click()
    await page.locator('.apps tr.sub').first().waitFor()
    expect(params().get('app')).toBeTruthy()
  })

  it('shows the pipeline, what it lost, and says when the collector does not answer', async () => {
    await page.goto(base)
    await page.getByRole('link', { name: 'Pipeline' }).click()
    await page.waitForURL(/\/pipeline/)
    await page.locator('.stage').nth(6).waitFor()
    expect(await page.locator('.stage h2').allTextContents()).toEqual(['Receivers', 'Admission', 'Durable log', 'Pairing', 'Open ranges', 'Store', 'Index, roll-ups'])
    await page.getByText('ready', { exact: true }).waitFor()
    // A rate between two answers draws a line.
    await page.locator('.stage .trend-stroke').first().waitFor()
    await page.getByRole('heading', { name: 'What was lost' }).waitFor()
    await page.getByRole('heading', { name: 'Disk' }).waitFor()
    expect(await fits()).toBe(true)
    expected = /ERR_INTERNET_DISCONNECTED/
    await page.context().setOffline(true)
    await page.getByText('The collector does not answer.').waitFor()
    await page.context().setOffline(false)
    await page.getByText('The collector does not answer.').waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Live' }).click()
    expect(await page.getByRole('button', { name: 'Live' }).getAttribute('aria-pressed')).toBe('false')
  })

  it('shows a trace as waterfall and as call graph, by keyboard too', async () => {
    await page.goto(base)
    await page.locator('.result a').first().click()
    await page.locator('.row').first().waitFor()
    await page.locator('.rows').focus()
    await page.keyboard.press('Home')
    await page.waitForFunction(() => document.querySelector('.row.chosen')?.getAttribute('aria-level') === '1')
    await page.locator('.sides').waitFor()
    await page.keyboard.press('Escape')
    await page.locator('.detail').waitFor({ state: 'detached' })
    await page.getByRole('radio', { name: 'Call graph' }).click()
    await page.locator('.graph .node').first().waitFor()
    expect(await page.locator('.graph .edge').count()).toBeGreaterThan(0)
    expect(params().get('view')).toBe('graph')
  })

  it('shows the topology, its numbers, and leads to the calls of an edge', async () => {
    await page.goto(`${base}/topology`)
    await page.locator('.graph .node').first().waitFor()
    await page.getByRole('radio', { name: 'Table' }).click()
    await page.locator('.edges tbody tr').first().click()
    await page.locator('.side').waitFor()
    expect(params().get('part')).toMatch(/^e:/)
    await page.getByRole('link', { name: 'Search these calls' }).click()
    await page.locator('.result a').first().waitFor()
    expect(params().get('callee')).toBeTruthy()
  })

  it('remembers theme and language', async () => {
    await page.goto(base)
    await page.getByRole('button', { name: /^Theme/ }).click()
    await page.getByRole('button', { name: /^Theme/ }).click()
    await page.getByRole('button', { name: 'Switch to Chinese' }).click()
    await page.reload()
    await page.getByRole('link', { name: '拓扑' }).waitFor()
    expect(await page.evaluate(() => [document.documentElement.dataset.theme, document.documentElement.lang])).toEqual(['dark', 'zh-CN'])
  })

  it('fits a phone', async () => {
    await page.context().close()
    await open({ viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true })
    await page.goto(base)
    await page.locator('.result a').first().waitFor()
    expect(await fits()).toBe(true)
    await page.locator('.result a').first().click()
    await page.locator('.row').first().waitFor()
    expect(await fits()).toBe(true)
    await page.goto(`${base}/topology`)
    await page.locator('.edges tbody tr').first().waitFor()
    expect(await fits()).toBe(true)
    await page.goto(`${base}/pipeline`)
    await page.locator('.stage').first().waitFor()
    expect(await fits()).toBe(true)
  })

  it('says what to do about an unknown trace', async () => {
    await page.goto(`${base}/trace/0ad1348f1403169275002100356696`)
    await page.getByText('No trace with this ID').waitFor()
    await page.getByRole('button', { name: 'Try again' }).waitFor()
  })
})

// What follows needs the mock's known traces.
describe.skipIf(!!real)('on the mock', () => {
  it('explains each loss, with the setting to change', async () => {
    await page.goto(`${base}/pipeline`)
    const row = page.getByRole('row').filter({ hasText: 'Spans refused: over the rate' })
    await row.getByText('ingest.rate.spans_per_second').waitFor()
    await row.getByText('lost only where they give up').waitFor()
    await page.getByText(/^Full in 1\.\d days at this rate; then 2\.8 days are kept/).waitFor()
    await page.getByRole('row').filter({ hasText: 'Calls counted as operation (other)' }).getByText('collect.max_rollup_rows').waitFor()
    await page.getByRole('link', { name: 'Incomplete' }).first().click()
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('losses')
  })

  it('keeps a trace of 50,000 spans quick: few rows in the page, found and folded at once', async () => {
    await page.goto(`${base}/trace/huge`)
    await page.locator('.row').first().waitFor()
    expect(await page.locator('.row').count()).toBeLessThan(80)
    await page.locator('.rows').focus()
    await page.keyboard.press('End')
    await page.waitForFunction(() => Number(document.querySelector('.row.chosen')?.id.slice(4)) > 30_000)
    await page.getByLabel(/^Find in trace/).fill('ledger insert')
    await page.locator('.find-count').waitFor()
    await page.getByLabel('Levels').selectOption('0')
    await page.waitForFunction(() => document.querySelectorAll('.row').length === 1)
    expect(params().get('depth')).toBe('0')
  })

  it('says when nothing matches, and offers the way out', async () => {
    await page.goto(`${base}/?callee=payment&address=1.2.3.4`)
    await page.getByText('No calls match').waitFor()
    await page.getByRole('button', { name: /Without .*Address/ }).click()
    await page.locator('.result a').first().waitFor()
    expect(params().get('callee')).toBe('payment')
  })

  it('filters by what was typed, with suggestions', async () => {
    await page.goto(base)
    await page.getByLabel('Callee app').click()
    await page.getByRole('option', { name: /ledger/ }).first().waitFor()
    await page.keyboard.type('mysql:led')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await page.waitForURL(/callee=mysql:ledger/)
    await page.getByLabel('Least duration').fill('soon')
    await page.keyboard.press('Enter')
    await page.getByText('Write it like 50ms or 1.5s.').waitFor()
    await page.getByLabel('Least duration').fill('2')
    await page.keyboard.press('Enter')
    await page.waitForURL(/minDuration=2ms/)
    await page.getByLabel('Tags').fill('db.namespace = ledger')
    await page.keyboard.press('Enter')
    await page.keyboard.type('database.endpoint')
    await page.keyboard.press('Enter')
    await page.waitForURL((u) => u.searchParams.getAll('tag').join(' ') === 'db.namespace=ledger database.endpoint')
    await page.locator('.result a').first().waitFor()
    await page.getByRole('button', { name: 'Remove database.endpoint' }).click()
    await page.waitForURL((u) => u.searchParams.getAll('tag').length === 1)
  })
})
