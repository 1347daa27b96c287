/** The default roles and bindings against upstream's of 1.36, rule by rule: what may be done is compared, not how it is written. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { ClusterRole, PolicyRule } from '@canopus/api/rbac/v1'
import { testData } from '@canopus/api/testing/test-data'
import { load } from 'js-yaml'
import { defaultClusterRoleBindings, defaultClusterRoles, defaultRoleBindings, defaultRoles } from './default-roles.ts'

const NAME = 'rbac'
const folder = testData(NAME)
const SKIP = `skipped: ${NAME} is not there`

/** Roles and bindings alike. */
interface Described {
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: object
    readonly annotations?: object
  }
  readonly rules?: readonly PolicyRule[] | null
  readonly aggregationRule?: ClusterRole['aggregationRule']
  readonly subjects?: readonly object[]
  readonly roleRef?: object
}

function published(file: string): Described[] {
  return (load(readFileSync(`${folder}/${file}.yaml`, 'utf8')) as { items: Described[] }).items
}

/** Every single permission of a role, one a line. */
function permissions(rules: readonly PolicyRule[] | null | undefined): string[] {
  const found = new Set<string>()
  for (const { verbs, apiGroups = [], resources = [], resourceNames = [''], nonResourceURLs = [] } of rules ?? []) {
    for (const verb of verbs) {
      for (const path of nonResourceURLs) found.add(`${verb} ${path}`)
      for (const group of apiGroups) {
        for (const resource of resources) {
          for (const name of resourceNames) found.add(`${verb} ${group}/${resource} ${name}`.trim())
        }
      }
    }
  }
  return [...found].sort()
}

/** What upstream does not have: the controller of the cluster's own DNS. */
const OWN_ROLE = 'system:controller:cluster-dns'

/** Our controllers patch where upstream's update: that is no more than it may do. */
function withoutPatches(all: readonly string[], upstream: readonly string[]): string[] {
  return all.filter(
    each =>
      !each.startsWith('patch ') || upstream.includes(each) || !upstream.includes(each.replace('patch', 'update')),
  )
}

const identity = ({ metadata }: Described): string => `${metadata.namespace ?? ''}/${metadata.name}`

interface Comparable {
  permissions?: string[]
  readonly [fact: string]: unknown
}

function comparable({ metadata, rules, aggregationRule, subjects, roleRef }: Described): Comparable {
  const { labels, annotations } = metadata
  return {
    labels,
    annotations,
    ...(roleRef === undefined
      ? { permissions: permissions(rules), aggregationRule }
      : { roleRef, subjects: (subjects ?? []).map(each => JSON.stringify(Object.entries(each).sort())).sort() }),
  }
}

/** By identity, so that one that is missing is told by its name. */
const byName = (all: readonly object[]): Record<string, Comparable> =>
  Object.fromEntries((all as Described[]).map(each => [identity(each), comparable(each)]))

const rows: readonly [string, readonly string[], () => readonly object[]][] = [
  ['cluster roles', ['cluster-roles', 'controller-roles'], defaultClusterRoles],
  ['cluster role bindings', ['cluster-role-bindings', 'controller-role-bindings'], defaultClusterRoleBindings],
  ['roles', ['namespace-roles'], defaultRoles],
  ['role bindings', ['namespace-role-bindings'], defaultRoleBindings],
]
for (const [name, files, own] of rows) {
  test(`default ${name}`, context => {
    if (folder === undefined) return context.skip(SKIP)
    const { [`/${OWN_ROLE}`]: _, ...ours } = byName(own())
    const upstream = byName(files.flatMap(published))
    assert.ok(Object.keys(upstream).length > 3)
    assert.deepEqual(Object.keys(ours).sort(), Object.keys(upstream).sort())
    for (const [each, facts] of Object.entries(upstream)) {
      const mine = ours[each]!
      if (mine.permissions) mine.permissions = withoutPatches(mine.permissions, facts.permissions!)
      assert.deepEqual(mine, facts, each)
    }
  })
}
