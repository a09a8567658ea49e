import { render } from 'preact'
import './styles/tokens.css'
import './styles/base.css'
import './styles/shell.css'
import './styles/search.css'
import './styles/trace.css'
import './styles/graph.css'
import './styles/pipeline.css'
import { AppsPage } from './apps/page'
import { useText } from './i18n'
import { PipelinePage } from './pipeline/page'
import { startRouting, usePlace } from './route'
import { SearchPage } from './search/page'
import { Shell } from './shell'
import { TopologyPage } from './topology/page'
import { TracePage } from './trace/page'

// A stray % in a pasted URL is no reason to fail: the text is then taken as it is.
function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function Page() {
  const t = useText()
  const { path, params } = usePlace()
  if (path === '/' || path === '/search') return <SearchPage params={params} />
  const trace = /^\/trace\/([^/]+)\/?$/.exec(path)
  if (trace) {
    const id = decode(trace[1])
    return <TracePage key={id} id={id} params={params} />
  }
  if (path === '/topology') return <TopologyPage params={params} />
  if (path === '/apps') return <AppsPage params={params} />
  if (path === '/pipeline') return <PipelinePage />
  return (
    <div class="notice">
      <h2>{t('error.lost')}</h2>
      <div class="acts">
        <a class="btn" href="/">
          {t('nav.search')}
        </a>
      </div>
    </div>
  )
}

startRouting()
render(
  <Shell>
    <Page />
  </Shell>,
  document.getElementById('app') as HTMLElement,
)
