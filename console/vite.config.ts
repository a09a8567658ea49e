import { existsSync, writeFileSync } from 'node:fs'
import { defineConfig } from 'vitest/config'
import type { Plugin } from 'vite'
import { handleMock } from './mock/handler.ts'

// Where the API is: a running twinspan (TWINSPAN_URL), or else the built-in mock, so that the console can be worked on
// with nothing but Node.
const server = process.env.TWINSPAN_URL

function mockAPI(): Plugin {
  const attach = (middlewares: { use(fn: typeof handleMock): void }) => middlewares.use(handleMock)
  return {
    name: 'twinspan-mock-api',
    configureServer: (s) => void (server || attach(s.middlewares)),
    configurePreviewServer: (s) => void (server || attach(s.middlewares)),
  }
}

// The folder dist is embedded by Go and must exist in a plain clone: vite empties it, so its marker is put back.
function keepMarker(): Plugin {
  return {
    name: 'keep-marker',
    closeBundle: () => {
      if (existsSync('dist')) writeFileSync('dist/.keep', '')
    },
  }
}

const proxy = server ? { '/api': { target: server, changeOrigin: true } } : undefined

export default defineConfig({
  plugins: [mockAPI(), keepMarker()],
  server: { proxy },
  preview: { proxy },
  build: { target: 'es2022', assetsInlineLimit: 0, chunkSizeWarningLimit: 400 },
  // Time-outs are for what hangs: how long a browser takes depends on the machine.
  test: {
    projects: [
      { extends: true, test: { name: 'unit', include: ['src/**/*.test.ts'], testTimeout: 300_000, hookTimeout: 300_000 } },
      {
        extends: true,
        test: { name: 'browser', include: ['test/**/*.test.ts'], testTimeout: 600_000, hookTimeout: 600_000 },
      },
    ],
  },
})
