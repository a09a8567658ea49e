// Drives another project's web UI in headless Chromium, step by step as a person would, and prints what it saw as JSON.
// Used by the Go tests: node browse.mjs STORY URL. Playwright is the console's (console/node_modules).
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'

const { chromium } = createRequire(new URL('../../../../console/package.json', import.meta.url))('playwright-core')

const executablePath =
  process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((p) => existsSync(p))
if (!executablePath) throw new Error('no Chromium found: install it, or name it in CHROMIUM')

const stories = {
  /** Zipkin's Lens: choose a service, run the query, open the trace, look at the dependencies. */
  async lens(page, url) {
    const seen = {}
    await page.goto(url + '/zipkin/')
    await page.getByTestId('add-button').click()
    await page.getByTestId('criterion-input').first().fill('serviceName')
    await page.getByText('serviceName', { exact: true }).first().click()
    await page.getByText('frontend', { exact: true }).first().waitFor()
    seen.services = await page.getByText(/^(frontend|backend)$/).allTextContents()
    await page.getByText('frontend', { exact: true }).first().click()
    await page.getByRole('button', { name: 'Run Query' }).click()
    await page.locator('a', { hasText: /^show$/i }).first().waitFor()
    seen.query = new URL(page.url()).search
    seen.rows = (await page.getByRole('row').allTextContents()).slice(1).filter((t) => t)
    await page.locator('a', { hasText: /^show$/i }).first().click()
    await page.waitForURL(/\/zipkin\/traces\//)
    await page.getByText('Server Start').first().waitFor()
    seen.tracePath = new URL(page.url()).pathname
    seen.trace = await page.evaluate(() => document.body.innerText)
    await page.goto(url + '/zipkin/dependency')
    await page.getByTestId('search-button').click()
    await page.getByTestId('dependencies-graph').waitFor()
    seen.dependencies = true
    return seen
  },
}

const [, , story, url] = process.argv
// On failure only: how long a browser takes depends on the machine.
const patience = Number(process.env.PATIENCE ?? 180_000)
const browser = await chromium.launch({
  executablePath,
  timeout: patience,
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
})
const page = await browser.newPage()
page.setDefaultTimeout(patience)
const complaints = []
page.on('pageerror', (e) => complaints.push(String(e)))
page.on('response', (r) => {
  if (r.status() >= 400) complaints.push(`${r.status()} ${r.url()}`)
})
try {
  const seen = await stories[story](page, url)
  console.log(JSON.stringify({ ...seen, complaints }))
} catch (e) {
  console.error(e)
  console.error('on the page:', await page.evaluate(() => document.body.innerText).catch(() => ''))
  console.error('complaints:', complaints)
  await page.screenshot({ path: process.env.SHOT ?? '/dev/null', type: 'png' }).catch(() => {})
  process.exitCode = 1
} finally {
  await browser.close()
}
