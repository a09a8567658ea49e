/** A small server for tests: the built console from dist, and the mock API. */
import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'
import { handleMock } from './handler.ts'

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
}

/** Answers a request itself, and says whether it did. */
export type Guard = (req: IncomingMessage, res: ServerResponse) => boolean

/**
 * Listens on a free port of the loopback interface; `root` is the folder of the built console. `guard` sees each request to
 * the API first.
 */
export async function startServer(root: string, guard: Guard = () => false): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer((req, res) => {
    if (req.url?.startsWith('/api/') && guard(req, res)) return
    handleMock(req, res, () => {
      const path = normalize(new URL(req.url ?? '/', 'http://mock').pathname)
      const send = (name: string, data: Buffer) => {
        res.writeHead(200, { 'Content-Type': types[extname(name)] ?? 'application/octet-stream' })
        res.end(data)
      }
      readFile(join(root, path)).then(
        (data) => send(path, data),
        () =>
          readFile(join(root, 'index.html')).then(
            (data) => send('index.html', data),
            () => {
              res.writeHead(500)
              res.end('dist/index.html is missing: run "npm run build" first')
            },
          ),
      )
    })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((done) => {
        server.closeAllConnections()
        server.close(() => done())
      }),
  }
}
