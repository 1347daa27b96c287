import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { builtInKinds, Pods } from '@canopus/api'
import { testData } from '@canopus/api/testing/test-data'
import type { KubeObject } from '@canopus/apimachinery'
import { CORE_SCHEMA, load } from 'js-yaml'
import type { PodLike } from './check.ts'
import { CHECKS } from './checks/index.ts'
import { detailsText, versionAt, violationsOf } from './evaluate.ts'
import type { Level } from './policy.ts'

const NAME = 'pod-security/test/testdata'
const fixtures = testData(NAME)

const strategy = builtInKinds.find(kind => kind.type === Pods)?.strategy

/** The pod of a file as admission sees it: with its defaults. */
function readPod(file: string): PodLike {
  const pod = load(readFileSync(file, 'utf8'), { schema: CORE_SCHEMA }) as KubeObject
  assert.ok(strategy?.default)
  strategy.default(pod)
  return pod
}

function podsIn(directory: string): { file: string; pod: PodLike }[] {
  return readdirSync(directory).map(file => ({ file: `${directory}/${file}`, pod: readPod(`${directory}/${file}`) }))
}

for (const level of ['baseline', 'restricted'] satisfies Level[]) {
  test(`upstream's pods pass or fail at ${level}, in every version`, context => {
    if (fixtures === undefined) return context.skip(`skipped: ${NAME} is not there`)
    const directories = readdirSync(`${fixtures}/${level}`)
    assert.ok(directories.length > 30)
    for (const directory of directories) {
      const policy = { level, version: Number(/^v1\.(\d+)$/.exec(directory)?.[1]) }
      for (const { file, pod } of podsIn(`${fixtures}/${level}/${directory}/pass`)) {
        assert.equal(detailsText(violationsOf(pod, policy)), '', file)
      }
      for (const { file, pod } of podsIn(`${fixtures}/${level}/${directory}/fail`)) {
        assert.notEqual(detailsText(violationsOf(pod, policy)), '', file)
      }
    }
  })
}

test("upstream's failing pods fail the check that their file is named after", context => {
  if (fixtures === undefined) return context.skip(`skipped: ${NAME} is not there`)
  const failed = new Set<string>()
  for (const level of ['baseline', 'restricted']) {
    for (const directory of readdirSync(`${fixtures}/${level}`)) {
      const minor = Number(/^v1\.(\d+)$/.exec(directory)?.[1])
      for (const each of podsIn(`${fixtures}/${level}/${directory}/fail`)) failed.add(failedCheck(each, minor))
    }
  }
  assert.deepEqual([...failed].sort(), CHECKS.map(({ id }) => id).sort())
})

function failedCheck({ file, pod }: { file: string; pod: PodLike }, minor: number): string {
  const name = /([a-z_]+)\d+\.yaml$/.exec(file)?.[1]
  const check = CHECKS.find(({ id }) => id.toLowerCase() === name)
  assert.ok(check && pod.spec, file)
  assert.ok(versionAt(check, minor)?.rule(pod.spec, pod.metadata?.annotations ?? {}), file)
  return check.id
}
