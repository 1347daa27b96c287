/**
 * `bench/top.ts FILE.cpuprofile...`: where a profile's time went, the most expensive first: by function, by file, and by
 * function of ours with everything that it called.
 */
import { readFileSync } from 'node:fs'

interface Node {
  id: number
  callFrame: Frame
  children?: number[]
}

interface Frame {
  functionName: string
  url: string
  lineNumber: number
}

interface Profile {
  nodes: Node[]
  samples: number[]
  timeDeltas: number[]
}

const SHOWN = 35

/** The interval of samples, in microseconds: a longer gap is a process that waited for a core, not a function that ran. */
const LONGEST_SAMPLE = 1000

const isProfiler = ({ functionName, url }: Frame): boolean =>
  url.startsWith('node:inspector') || (url === '' && functionName === 'dispatch')

/** What each sample counts for; the profiler's own work while it starts and stops for nothing. */
function sampleTimes({ nodes, samples, timeDeltas }: Profile): number[] {
  const profiler = new Set(nodes.filter(({ callFrame }) => isProfiler(callFrame)).map(({ id }) => id))
  return samples.map((id, index) => (profiler.has(id) ? 0 : Math.min(timeDeltas[index]!, LONGEST_SAMPLE)))
}

function selfTimes(profile: Profile, nameOf: (frame: Frame) => string): Map<string, number> {
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]))
  const times = new Map<string, number>()
  const weights = sampleTimes(profile)
  profile.samples.forEach((id, index) => {
    const name = names.get(id)!
    times.set(name, (times.get(name) ?? 0) + weights[index]!)
  })
  return times
}

/** Time of functions with all that they called; recursion counts once. */
function totalTimes(profile: Profile): Map<string, number> {
  const parents = new Map(profile.nodes.flatMap(node => (node.children ?? []).map(child => [child, node.id] as const)))
  const nodes = new Map(profile.nodes.map(node => [node.id, node]))
  const times = new Map<string, number>()
  const weights = sampleTimes(profile)
  profile.samples.forEach((sample, index) => {
    const seen = new Set<string>()
    for (let id: number | undefined = sample; id !== undefined; id = parents.get(id)) {
      const { callFrame } = nodes.get(id)!
      if (callFrame.functionName === '(idle)' || callFrame.url.includes('/packages/')) seen.add(functionOf(callFrame))
    }
    for (const name of seen) times.set(name, (times.get(name) ?? 0) + weights[index]!)
  })
  return times
}

const functionOf = ({ functionName, url, lineNumber }: Frame): string =>
  url === '' ? functionName || '(native)' : `${functionName || '(anonymous)'} ${short(url)}:${lineNumber + 1}`

function show(title: string, times: Map<string, number>, busy: number): void {
  console.log(`${title}: ${Math.round(busy / 1000)} ms busy`)
  const sorted = [...times].filter(([name]) => name !== '(idle)').sort(([, a], [, b]) => b - a)
  for (const [name, each] of sorted.slice(0, SHOWN))
    console.log(`${((each / busy) * 100).toFixed(1).padStart(6)} %  ${name}`)
}

const short = (url: string): string => url.replace(/^.*\/(packages|node_modules)\//, '$1/')

for (const path of process.argv.slice(2)) {
  const profile = JSON.parse(readFileSync(path, 'utf8')) as Profile
  const functions = selfTimes(profile, functionOf)
  const busy = [...functions].reduce((sum, [name, each]) => (name === '(idle)' ? sum : sum + each), 0)
  show(`${path} by function`, functions, busy)
  const fileOf = ({ functionName, url }: Frame): string => (url === '' ? functionName : short(url))
  show(`${path} by file`, selfTimes(profile, fileOf), busy)
  show(`${path} with callees`, totalTimes(profile), busy)
}
