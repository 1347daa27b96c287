/** `bench/top.ts FILE.cpuprofile...`: where a profile's time went, by function and by file, the most expensive first. */
import { readFileSync } from 'node:fs'

interface Profile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[]
  samples: number[]
  timeDeltas: number[]
}

const SHOWN = 35

function selfTimes(
  profile: Profile,
  nameOf: (frame: Profile['nodes'][number]['callFrame']) => string,
): Map<string, number> {
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]))
  const times = new Map<string, number>()
  profile.samples.forEach((id, index) => {
    const name = names.get(id)!
    times.set(name, (times.get(name) ?? 0) + profile.timeDeltas[index]!)
  })
  return times
}

function show(title: string, times: Map<string, number>): void {
  const idle = times.get('(idle)') ?? 0
  const busy = [...times.values()].reduce((sum, each) => sum + each, 0) - idle
  console.log(`${title}: ${Math.round(busy / 1000)} ms busy`)
  const sorted = [...times].filter(([name]) => name !== '(idle)').sort(([, a], [, b]) => b - a)
  for (const [name, each] of sorted.slice(0, SHOWN))
    console.log(`${((each / busy) * 100).toFixed(1).padStart(6)} %  ${name}`)
}

const short = (url: string): string => url.replace(/^.*\/(packages|node_modules)\//, '$1/')

for (const path of process.argv.slice(2)) {
  const profile = JSON.parse(readFileSync(path, 'utf8')) as Profile
  show(
    `${path} by function`,
    selfTimes(profile, ({ functionName, url, lineNumber }) =>
      url === '' ? functionName || '(native)' : `${functionName || '(anonymous)'} ${short(url)}:${lineNumber + 1}`,
    ),
  )
  show(
    `${path} by file`,
    selfTimes(profile, ({ functionName, url }) => (url === '' ? functionName : short(url))),
  )
}
