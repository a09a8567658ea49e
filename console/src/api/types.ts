/** The shapes of /api/v1. Times are decimal text in nanoseconds since 1970, durations are numbers of nanoseconds. */

export type CallType = 'internal' | 'rpc' | 'http' | 'db' | 'cache' | 'mq'
export type Sides = 'both' | 'client' | 'server' | 'internal'
export type NodeKind = 'app' | 'db' | 'cache' | 'mq' | 'external'

export interface Event {
  timeUnixNano: string
  name: string
  attributes?: Attributes
}

export interface Link {
  traceId: string
  spanId: string
  attributes?: Attributes
}

export type Attributes = Record<string, unknown>

/** One side of a call as it was reported. */
export interface Half {
  traceId: string
  w3cTraceId: string
  spanId: string
  parentSpanId?: string
  twinSpanId?: string
  sofaSpanId?: string
  kind: string
  type: CallType
  app: string
  instance?: string
  operation: string
  component?: string
  status: string
  statusMessage?: string
  resultCode?: string
  localAddress?: string
  peerAddress?: string
  peer?: string
  loadTest: boolean
  route: string
  startUnixNano: string
  start: string
  durationNano: number
  attributes: Attributes
  resource?: Attributes
  events?: Event[]
  links?: Link[]
}

/** A call as lists show it: both sides joined. */
export interface Call {
  traceId: string
  w3cTraceId: string
  spanId: string
  caller: string
  callee: string
  type: CallType
  operation: string
  startUnixNano: string
  durationNano: number
  serverDurationNano: number | null
  gapNano: number | null
  sides: Sides
  error: boolean
  resultCode: string
  serverResultCode: string
  loadTest: boolean
  callerAddress: string
  calleeAddress: string
  statusMessage: string
}

/** A call inside a trace, with both halves. `id` is its index in the trace's list. */
export interface TraceCall extends Call {
  id: number
  parentId: number | null
  depth: number
  client: Half | null
  server: Half | null
  /** What is added to the server half's times for display, because hosts' clocks disagree. */
  skewNano: number
  /** The same for the client half. */
  clientSkewNano?: number
  selfNano: number
  critical: boolean
  notes?: string[] | null
}

export interface Trace {
  traceId: string
  w3cTraceId: string
  startUnixNano: string
  durationNano: number
  apps: string[]
  halves: number
  calls: TraceCall[]
  truncated: boolean
  errors: number
  loadTest: boolean
}

export interface CallPage {
  calls: Call[]
  next: string
  partial: boolean
  partialReason: string
  /** What started from then on was searched; empty where that is all that was asked for. */
  searchedFromUnixNano: string
}

/** Names of attributes; `query` is the name as TraceQL writes it. */
export interface TagList {
  tags: { scope: string; name: string; query: string }[]
  intrinsics: string[]
  partial: boolean
}

export interface TagValues {
  values: { value: string; query: string }[]
  partial: boolean
}

/** A call as a scatter draws it. */
export interface CallPoint {
  traceId: string
  spanId: string
  startUnixNano: string
  durationNano: number
  error: boolean
  loadTest: boolean
  caller: string
  callee: string
  operation: string
}

export interface CallSample {
  points: CallPoint[]
  /** All calls that match are here. */
  complete: boolean
  /** About how many match; null where that is not known. */
  matched: number | null
  partial: boolean
  partialReason: string
}

/** What every app received: one number for each step. */
export interface AppSeries {
  stepSeconds: number
  startUnixNano: string
  dataSeconds: number
  apps: { name: string; calls: number[]; errors: number[] }[]
}

export interface App {
  name: string
  kind: NodeKind
  calls: number
  errors: number
  p50Nano: number
  p99Nano: number
  source: 'calls' | 'stats'
}

export interface Operation {
  name: string
  type: CallType
  calls: number
  errors: number
  p50Nano: number
  p90Nano: number
  p99Nano: number
}

export interface OperationList {
  operations: Operation[]
  /** There are more, with fewer calls. */
  partial: boolean
}

export interface TopologyNode {
  name: string
  kind: NodeKind
  calls: number
  errors: number
  p50Nano: number
  p99Nano: number
}

export interface TopologyEdge {
  caller: string
  callee: string
  type: CallType
  calls: number
  errors: number
  p50Nano: number
  p90Nano: number
  p99Nano: number
  loadTestCalls: number
}

export interface Topology {
  nodes: TopologyNode[]
  edges: TopologyEdge[]
  from?: string
  to?: string
  /** From the first to the last call: rates are counts divided by this. */
  dataSeconds: number
}

export interface SeriesPoint {
  timeUnixNano: string
  calls: number
  errors: number
  p50Nano: number
  p99Nano: number
}

export interface Series {
  stepSeconds: number
  points: SeriesPoint[]
}

export interface Status {
  version: string
  role: string
  startedUnixNano: string
  halvesReceived: number
  callsStored: number
  bytesOnDisk: number
  retentionDays: number
  openCalls: number
}

/** A number of a stage; `reason` says why or which, where several have one name. */
export interface StageCount {
  name: string
  reason: string
  value: number
}

export interface Stage {
  name: string
  perSecond: number
  lagSeconds: number
  depth: number
  depthBytes: number
  /** What depthBytes may be, 0 for no limit of its own. */
  limitBytes: number
  counters: StageCount[]
  lost: StageCount[]
}

export interface PipelineDisk {
  bytes: number
  logBytes: number
  /** 0 is no limit but the disk. */
  maxBytes: number
  /** Free on the disk, less what is kept in reserve. */
  freeBytes: number
  retentionDays: number
  days: { day: string; calls: number; bytes: number }[]
  /** 0 while it is not known. */
  bytesPerDay: number
  forecastDays: number
}

/** The way of spans through the server: what went through since it started, what was lost, what lies in it. */
export interface Pipeline {
  startedUnixNano: string
  stages: Stage[]
  windowSeconds: number
  configuredWindowSeconds: number
  syncSeconds: number
  syncP50Seconds: number
  syncP99Seconds: number
  disk: PipelineDisk
  process: { residentBytes: number; heapBytes: number; cpuSeconds: number; goroutines: number; limitBytes: number }
  /** Why the server takes no data, '' while it does. */
  notReady: string
}
