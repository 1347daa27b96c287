/** What V8 can say about where time and memory go: the inspector's profiles of this thread. */
import { type HeapProfiler, type Profiler as Inspected, Session } from 'node:inspector'

/** A function on a stack, as V8 names it. */
export interface ProfiledFrame {
  readonly name: string
  readonly url: string
  /** Counted from 1; 0 where it is not known. */
  readonly line: number
}

/** What was measured while this stack was there, the innermost frame first. */
export interface ProfiledStack {
  readonly frames: readonly ProfiledFrame[]
  readonly values: readonly number[]
}

export interface CpuProfile {
  /** Of each stack how often it was seen, and for how many nanoseconds. */
  readonly stacks: readonly ProfiledStack[]
  /** Nanoseconds between looks. */
  readonly period: number
  readonly durationNanoseconds: number
}

export interface Profiler {
  /** Looks at the stack for so many milliseconds. Rejects where somebody else has begun and not ended. */
  cpu(milliseconds: number): Promise<CpuProfile>
  /** Bytes of what is alive, by the stack that made it, of what has been made since `sampleHeap`. */
  heap(): Promise<readonly ProfiledStack[]>
  /** Frees what can be freed. */
  collectGarbage(): Promise<void>
  close(): void
}

/** Bytes between samples of the heap, as Go's programs have it. */
export const HEAP_SAMPLING_INTERVAL = 512 * 1024
const MICROSECONDS_BETWEEN_LOOKS = 5000
const NO_CODE: ReadonlySet<string> = new Set(['(root)', '(idle)'])

/** Samples the heap from now on, until `close`; `sleep` waits for milliseconds. */
export async function startProfiler(sleep: (milliseconds: number) => Promise<void>): Promise<Profiler> {
  const session = new Session()
  session.connect()
  await post(session, 'HeapProfiler.enable')
  await post(session, 'HeapProfiler.startSampling', { samplingInterval: HEAP_SAMPLING_INTERVAL })
  let busy = false
  return {
    async cpu(milliseconds) {
      if (busy) throw new Error('cpu profiling already in use')
      busy = true
      try {
        await post(session, 'Profiler.enable')
        await post(session, 'Profiler.setSamplingInterval', { interval: MICROSECONDS_BETWEEN_LOOKS })
        await post(session, 'Profiler.start')
        await sleep(milliseconds)
        const { profile } = await post<Inspected.StopReturnType>(session, 'Profiler.stop')
        return cpuProfile(profile)
      } finally {
        await post(session, 'Profiler.disable')
        busy = false
      }
    },
    async heap() {
      const { profile } = await post<HeapProfiler.GetSamplingProfileReturnType>(
        session,
        'HeapProfiler.getSamplingProfile',
      )
      return heapStacks(profile.head)
    },
    collectGarbage: () => post(session, 'HeapProfiler.collectGarbage'),
    close: () => session.disconnect(),
  }
}

function post<T = void>(session: Session, method: string, params: object = {}): Promise<T> {
  return new Promise((resolve, reject) => {
    session.post(method, params, (error: Error | null, result: unknown) => {
      if (error === null) resolve(result as T)
      else reject(error)
    })
  })
}

const frameOf = ({ functionName, url, lineNumber }: Inspected.ProfileNode['callFrame']): ProfiledFrame => ({
  name: functionName === '' ? '(anonymous)' : functionName,
  url,
  line: lineNumber + 1,
})

/** Time passes until the next look, so that a look counts for what comes after it. Nobody works while it is idle. */
export function cpuProfile({
  nodes,
  samples = [],
  timeDeltas = [],
  startTime,
  endTime,
}: Inspected.Profile): CpuProfile {
  const byId = new Map(nodes.map(node => [node.id, node]))
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map(child => [child, id] as const)))
  const seen = new Map<number, { looks: number; microseconds: number }>()
  samples.forEach((id, index) => {
    const name = byId.get(id)?.callFrame.functionName
    if (name === undefined || NO_CODE.has(name)) return
    const entry = seen.get(id) ?? { looks: 0, microseconds: 0 }
    entry.looks++
    entry.microseconds += Math.max(0, timeDeltas[index + 1] ?? MICROSECONDS_BETWEEN_LOOKS)
    seen.set(id, entry)
  })
  const framesTo = (id: number): ProfiledFrame[] => {
    const frames: ProfiledFrame[] = []
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const { callFrame } = byId.get(at)!
      if (!NO_CODE.has(callFrame.functionName)) frames.push(frameOf(callFrame))
    }
    return frames
  }
  return {
    stacks: [...seen].map(([id, { looks, microseconds }]) => ({
      frames: framesTo(id),
      values: [looks, microseconds * 1000],
    })),
    period: MICROSECONDS_BETWEEN_LOOKS * 1000,
    durationNanoseconds: (endTime - startTime) * 1000,
  }
}

/** Deep trees are walked without recursion. */
export function heapStacks(head: HeapProfiler.SamplingHeapProfileNode): ProfiledStack[] {
  const stacks: ProfiledStack[] = []
  const open: [node: HeapProfiler.SamplingHeapProfileNode, outer: readonly ProfiledFrame[]][] = [[head, []]]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [node, outer] = next
    const frames = NO_CODE.has(node.callFrame.functionName) ? outer : [frameOf(node.callFrame), ...outer]
    if (node.selfSize > 0) stacks.push({ frames, values: [node.selfSize] })
    for (const child of node.children) open.push([child, frames])
  }
  return stacks
}
