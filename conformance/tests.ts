/** Which of upstream's conformance tests are claimed, as data: `tests/*.txt`; README.md describes the form. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The parts of a cluster that a test cannot do without; each needs those before it. */
export const NEEDS = ['api', 'controllers', 'kubelet', 'network'] as const
export type Need = (typeof NEEDS)[number]

/**
 * Evidence that upstream's own test was run and seen to pass: with the whole control plane and nodes that are simulated, whose
 * pods become ready without a container; or with nodes that run containers.
 */
export const RUNS = ['upstream:simulated', 'upstream:containers'] as const

export interface ConformanceTest {
  /** As upstream's runner prints and selects it. */
  name: string
  /** `sig-apps`. */
  area: string
  needs: Need
  /** What the claim rests on: files of ours that drive the same steps, and runs of upstream's own test; absent where it is not claimed. */
  evidence?: readonly string[]
  /** Why it is not claimed. */
  reason?: string
}

const FOLDER = fileURLToPath(new URL('tests', import.meta.url))

export function conformanceTests(): ConformanceTest[] {
  return readdirSync(FOLDER)
    .sort()
    .flatMap(file => parseTests(readFileSync(join(FOLDER, file), 'utf8'), file))
}

/** Reads one file. Throws for a line that it does not understand. */
export function parseTests(text: string, file: string): ConformanceTest[] {
  const tests: ConformanceTest[] = []
  let group: { prefix: string; area: string; needs: Need } | undefined
  let reason = ''
  for (const [index, line] of text.split('\n').entries()) {
    const wrong = (): Error => new Error(`${file}:${index + 1}: not understood: ${line}`)
    if (line === '') continue
    const [sign, rest] = [line.slice(0, 2), line.slice(2)]
    if (sign === '= ') {
      const match = /^(\[(sig-[\w-]+)\].*) \| (\w+)$/.exec(rest)
      const needs = NEEDS.find(each => each === match?.[3])
      if (!match || !needs) throw wrong()
      group = { prefix: match[1]!, area: match[2]!, needs }
    } else if (sign === '? ') reason = rest
    else {
      const match = /^([-+]) (.*?)(?: < (\S+(?: \S+)*))?$/.exec(line)
      if (!match || !group || (match[1] === '+') !== (match[3] !== undefined)) throw wrong()
      const { prefix, area, needs } = group
      const name = `${prefix} ${match[2]} [Conformance]`
      tests.push({ name, area, needs, ...(match[3] === undefined ? { reason } : { evidence: match[3].split(' ') }) })
    }
  }
  return tests
}
