import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { KubeObject } from '@canopus/apimachinery'
import type { VersionedResource } from '../../security.ts'
import { matchRequest, needsNamespaceLabels, policyCriteria, webhookCriteria } from './criteria.ts'
import {
  isAdmissionConfiguration,
  isBeyondPolicies,
  type MatchRequest,
  matchesRule,
  namespaceOf,
  type Rule,
} from './rules.ts'

const labelled = (labels?: Record<string, string>): KubeObject =>
  ({ metadata: { name: 'a', ...(labels === undefined ? {} : { labels }) } }) as unknown as KubeObject

/** The creation of a deployment `ns/web` where nothing else is said. */
function request(facts: Partial<MatchRequest> = {}): MatchRequest {
  return {
    operation: 'CREATE',
    resource: { group: 'apps', version: 'v1', resource: 'deployments' },
    kind: { group: 'apps', version: 'v1', kind: 'Deployment' },
    subresource: '',
    namespace: 'ns',
    name: 'web',
    object: labelled(),
    oldObject: undefined,
    ...facts,
  }
}

const namespaces = {
  resource: { group: '', version: 'v1', resource: 'namespaces' },
  kind: { group: '', version: 'v1', kind: 'Namespace' },
  namespace: '',
  name: 'ns',
}
const nodes = {
  resource: { group: '', version: 'v1', resource: 'nodes' },
  kind: { group: '', version: 'v1', kind: 'Node' },
  namespace: '',
}

const every = { operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*'] }

describe('rules', () => {
  const table: readonly [name: string, rule: Rule, request: MatchRequest, matches: boolean][] = [
    ['everything', every, request(), true],
    ['nothing given', {}, request(), false],
    ['the operation', { ...every, operations: ['UPDATE', 'CREATE'] }, request(), true],
    ['another operation', { ...every, operations: ['UPDATE', 'DELETE', 'CONNECT'] }, request(), false],
    ['the group', { ...every, apiGroups: ['apps'] }, request(), true],
    ['another group', { ...every, apiGroups: [''] }, request(), false],
    ['the version', { ...every, apiVersions: ['v1'] }, request(), true],
    ['another version', { ...every, apiVersions: ['v1beta1'] }, request(), false],
    ['the resource', { ...every, resources: ['pods', 'deployments'] }, request(), true],
    ['another resource', { ...every, resources: ['pods'] }, request(), false],
    ['no star for subresources', every, request({ subresource: 'scale' }), false],
    [
      'the resource is not its subresource',
      { ...every, resources: ['deployments'] },
      request({ subresource: 'scale' }),
      false,
    ],
    ['the subresource', { ...every, resources: ['deployments/scale'] }, request({ subresource: 'scale' }), true],
    ['another subresource', { ...every, resources: ['deployments/scale'] }, request({ subresource: 'status' }), false],
    ['the subresource is not the resource', { ...every, resources: ['deployments/scale'] }, request(), false],
    ['all subresources', { ...every, resources: ['deployments/*'] }, request({ subresource: 'status' }), true],
    ['all subresources and the resource', { ...every, resources: ['deployments/*'] }, request(), true],
    ['a subresource of all', { ...every, resources: ['*/status'] }, request({ subresource: 'status' }), true],
    ['a subresource of all is not the resource', { ...every, resources: ['*/status'] }, request(), false],
    ['everything there is', { ...every, resources: ['*/*'] }, request({ subresource: 'status' }), true],
    ['any scope', { ...every, scope: '*' }, request(nodes), true],
    ['namespaced', { ...every, scope: 'Namespaced' }, request(), true],
    ['not namespaced', { ...every, scope: 'Namespaced' }, request(nodes), false],
    ['cluster', { ...every, scope: 'Cluster' }, request(nodes), true],
    ['not cluster', { ...every, scope: 'Cluster' }, request(), false],
    [
      'namespaces are of the cluster',
      { ...every, scope: 'Cluster' },
      request({ ...namespaces, namespace: 'ns' }),
      true,
    ],
    ['namespaces are in none', { ...every, scope: 'Namespaced' }, request({ ...namespaces, namespace: 'ns' }), false],
    ['a scope of the future', { ...every, scope: 'Galaxy' }, request(), false],
  ]
  for (const [name, rule, given, matches] of table) {
    it(`${matches ? 'match' : 'do not match'}: ${name}`, () => assert.equal(matchesRule(rule, given), matches))
  }

  it('leave alone what admission is configured by', () => {
    const group = 'admissionregistration.k8s.io'
    const of = (kind: string, groupOfKind = group): boolean =>
      isAdmissionConfiguration({ kind: { group: groupOfKind, version: 'v1', kind } })
    assert.deepEqual(
      ['ValidatingWebhookConfiguration', 'MutatingAdmissionPolicyBinding', 'Other'].map(each => of(each)),
      [true, true, false],
    )
    assert.equal(of('ValidatingWebhookConfiguration', 'example.com'), false)
  })

  const beyond: [string, string, boolean][] = [
    ['admissionregistration.k8s.io', 'validatingadmissionpolicies', true],
    ['admissionregistration.k8s.io', 'mutatingadmissionpolicybindings', true],
    ['admissionregistration.k8s.io', 'mutatingwebhookconfigurations', false],
    ['authorization.k8s.io', 'subjectaccessreviews', true],
    ['', 'pods', false],
  ]
  for (const [group, resource, expected] of beyond) {
    it(`${resource} are ${expected ? 'beyond' : 'a matter of'} policies`, () => {
      assert.equal(isBeyondPolicies({ resource: { group, version: 'v1', resource } }), expected)
    })
  }

  it('take a namespace to be in itself', () => {
    assert.equal(namespaceOf(request(namespaces)), 'ns')
    assert.equal(namespaceOf(request(nodes)), '')
    assert.equal(namespaceOf(request()), 'ns')
  })
})

const beta: VersionedResource = {
  resource: { group: 'apps', version: 'v1beta1', resource: 'deployments' },
  kind: { group: 'apps', version: 'v1beta1', kind: 'Deployment' },
}
const older: VersionedResource = {
  resource: { group: 'extensions', version: 'v1beta1', resource: 'deployments' },
  kind: { group: 'extensions', version: 'v1beta1', kind: 'Deployment' },
}
const own: VersionedResource = { resource: request().resource, kind: request().kind }
const equivalents = (): VersionedResource[] => [beta, older]

const ruleFor = (group: string, version: string): Rule => ({ ...every, apiGroups: [group], apiVersions: [version] })

describe('webhooks', () => {
  const table: readonly [name: string, rules: Rule[], matchPolicy: string, match: VersionedResource | undefined][] = [
    ['no rule', [], 'Equivalent', undefined],
    ['their own version', [ruleFor('apps', 'v1')], 'Equivalent', own],
    [
      'their own version first, whatever comes before',
      [ruleFor('extensions', '*'), ruleFor('apps', 'v1')],
      'Equivalent',
      own,
    ],
    ['an equivalent version', [ruleFor('apps', 'v1beta1')], 'Equivalent', beta],
    [
      'the equivalent of the earliest rule',
      [ruleFor('extensions', '*'), ruleFor('apps', 'v1beta1')],
      'Equivalent',
      older,
    ],
    ['no other version', [ruleFor('apps', 'v1beta1')], 'Exact', undefined],
  ]
  for (const [name, rules, matchPolicy, match] of table) {
    it(`match ${name}`, () => {
      const found = matchRequest(webhookCriteria({ rules, matchPolicy }), request(), undefined, equivalents)
      assert.deepEqual(found, match)
    })
  }

  it('ask for equivalents only when it comes to that', () => {
    const never = (): never => assert.fail('asked')
    const criteria = webhookCriteria({ rules: [every], matchPolicy: 'Equivalent' })
    assert.deepEqual(matchRequest(criteria, request(), undefined, never), own)
  })
})

describe('policies', () => {
  const rule = ruleFor('apps', 'v1')
  const named = (...resourceNames: string[]): Rule => ({ ...rule, resourceNames })
  const table: readonly [name: string, resourceRules: Rule[], excludeResourceRules: Rule[], matches: boolean][] = [
    ['everything without rules', [], [], true],
    ['by rule', [rule], [], true],
    ['by name', [named('other', 'web')], [], true],
    ['not another name', [named('other')], [], false],
    ['not what is excluded', [rule], [rule], false],
    ['not what is excluded, without rules', [], [rule], false],
    ['what is excluded by another name', [rule], [named('other')], true],
    ['not what is excluded in another version', [rule], [ruleFor('apps', 'v1beta1')], false],
  ]
  for (const [name, resourceRules, excludeResourceRules, matches] of table) {
    it(`match ${name}`, () => {
      const criteria = policyCriteria({ resourceRules, excludeResourceRules, matchPolicy: 'Equivalent' } as never)
      assert.equal(matchRequest(criteria, request(), undefined, equivalents) !== undefined, matches)
    })
  }

  it('exclude other versions only where equivalents count', () => {
    const criteria = policyCriteria({
      excludeResourceRules: [ruleFor('apps', 'v1beta1')],
      matchPolicy: 'Exact',
    } as never)
    assert.deepEqual(matchRequest(criteria, request(), undefined, equivalents), own)
  })
})

describe('selectors', () => {
  const selector = { matchLabels: { a: 'b' } }
  const selected = labelled({ a: 'b' })
  const other = labelled({ a: 'c' })
  const matches = (given: MatchRequest, namespaceSelector: object, objectSelector: object, labels = {}): boolean => {
    const rules = [{ ...every, resources: ['*/*'] }]
    const criteria = webhookCriteria({ rules, namespaceSelector, objectSelector })
    return matchRequest(criteria, given, labels, () => []) !== undefined
  }

  const objects: readonly [name: string, object: KubeObject | undefined, old: KubeObject | undefined, is: boolean][] = [
    ['the new object', selected, undefined, true],
    ['the old object', undefined, selected, true],
    ['a label that was taken away', other, selected, true],
    ['a label that came', selected, other, true],
    ['neither', other, other, false],
    ['no object at all', undefined, undefined, false],
  ]
  for (const [name, object, oldObject, is] of objects) {
    it(`look at ${name}`, () => assert.equal(matches(request({ object, oldObject }), {}, selector), is))
  }

  const namespaced: readonly [name: string, request: MatchRequest, labels: object, is: boolean][] = [
    ['the labels of the namespace', request(), { a: 'b' }, true],
    ['other labels', request(), { a: 'c' }, false],
    ['nothing outside namespaces', request(nodes), {}, true],
    ['the namespace itself as it is to be', request({ ...namespaces, object: selected }), {}, true],
    ['the namespace itself with other labels', request({ ...namespaces, object: other }), { a: 'b' }, false],
    [
      'the stored labels of a namespace that goes',
      request({ ...namespaces, operation: 'DELETE', object: undefined }),
      { a: 'b' },
      true,
    ],
    [
      'the stored labels for a part of a namespace',
      request({ ...namespaces, operation: 'UPDATE', subresource: 'finalize', object: other }),
      { a: 'b' },
      true,
    ],
  ]
  for (const [name, given, labels, is] of namespaced) {
    it(`look at ${name}`, () => assert.equal(matches(given, selector, {}, labels), is))
  }

  it('need labels to be looked up only where they are asked for', () => {
    const [all, some] = [webhookCriteria({}), webhookCriteria({ namespaceSelector: selector })]
    assert.equal(needsNamespaceLabels([all], request()), false)
    assert.equal(needsNamespaceLabels([all, some], request()), true)
    assert.equal(needsNamespaceLabels([some], request(nodes)), false)
    assert.equal(needsNamespaceLabels([some], request(namespaces)), false)
    assert.equal(needsNamespaceLabels([some], request({ ...namespaces, operation: 'DELETE' })), true)
  })

  it('complain of a namespace that is not there only where the rules match', () => {
    const missing = Object.assign(new Error('gone'), { status: {} }) as never
    const criteria = (rules: Rule[]) => webhookCriteria({ rules, namespaceSelector: selector })
    assert.throws(() => matchRequest(criteria([every]), request(), missing, () => []), { message: 'gone' })
    assert.equal(
      matchRequest(criteria([]), request(), missing, () => []),
      undefined,
    )
  })
})
