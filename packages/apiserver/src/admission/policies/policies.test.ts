import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import type { Attributes } from '../../security.ts'
import { type Answer, type MemoryServer, startMemoryServer } from '../../testing/memory-server.ts'
import { mutatingPolicies } from './mutating.ts'
import { validatingPolicies } from './validating.ts'

const BASE = '/apis/admissionregistration.k8s.io/v1'
const CONFIG_MAPS = '/api/v1/namespaces/shop/configmaps'
const rules = [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['configmaps'] }]
const configMap = (name: string, data: object = {}, more: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...more },
  data,
})

describe('admission policies', () => {
  let server: MemoryServer
  const asked: Attributes[] = []
  const annotations: Record<string, string> = {}

  before(async () => {
    server = await startMemoryServer({
      admission: context => {
        const policies = {
          ...context,
          authorizer: {
            authorize: async (attributes: Attributes) => {
              asked.push(attributes)
              return { decision: attributes.verb === 'good' ? ('allow' as const) : ('deny' as const), reason: 'why' }
            },
          },
        }
        const listener = {
          name: 'Listener',
          operations: ['CREATE', 'UPDATE', 'DELETE'] as const,
          validate: (attributes: object) =>
            void Object.assign(attributes, {
              annotate(key: string, value: string) {
                annotations[key] = value
              },
            }),
        }
        return [mutatingPolicies(policies), listener, validatingPolicies(policies)]
      },
    })
    for (const name of ['shop', 'other']) {
      const metadata = { name, labels: { team: name } }
      await server.send('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata })
    }
  })
  after(() => server.stop())
  beforeEach(async () => {
    for (const kind of ['validating', 'mutating']) {
      await server.send('DELETE', `${BASE}/${kind}admissionpolicybindings`)
      await server.send('DELETE', `${BASE}/${kind}admissionpolicies`)
    }
    for (const namespace of ['shop', 'other']) await server.send('DELETE', `/api/v1/namespaces/${namespace}/configmaps`)
    asked.length = 0
    for (const key of Object.keys(annotations)) delete annotations[key]
  })

  async function put(kind: 'Validating' | 'Mutating', spec: object, binding: object = {}): Promise<void> {
    const path = `${BASE}/${kind.toLowerCase()}admissionpolicies`
    const apiVersion = 'admissionregistration.k8s.io/v1'
    const [defaults, actions] =
      kind === 'Validating' ? [{}, { validationActions: ['Deny'] }] : [{ reinvocationPolicy: 'Never' }, {}]
    const policy = { ...defaults, failurePolicy: 'Fail', matchConstraints: { resourceRules: rules }, ...spec }
    const answers = [
      await server.send('POST', path, {
        apiVersion,
        kind: `${kind}AdmissionPolicy`,
        metadata: { name: 'p' },
        spec: policy,
      }),
      await server.send('POST', path.replace('policies', 'policybindings'), {
        apiVersion,
        kind: `${kind}AdmissionPolicyBinding`,
        metadata: { name: 'b' },
        spec: { policyName: 'p', ...actions, ...binding },
      }),
    ]
    for (const each of answers) assert.equal(each.status, 201, each.text)
  }
  const create = (object: object, path = CONFIG_MAPS): Promise<Answer> => server.send('POST', path, object)
  const validations = (...expressions: (string | object)[]): object => ({
    validations: expressions.map(each => (typeof each === 'string' ? { expression: each } : each)),
  })
  const refusal = ({ json }: Answer): string => json.message

  it('refuse by their expression, with code, reason and cause', async () => {
    await put('Validating', validations({ expression: "object.data.mode != 'bad'", message: 'not that mode' }))
    assert.equal((await create(configMap('a', { mode: 'good' }))).status, 201)
    const { status, json } = await create(configMap('b', { mode: 'bad' }))
    const text = "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: not that mode"
    assert.equal(status, 422)
    assert.deepEqual(
      { message: json.message, reason: json.reason, details: json.details },
      {
        message: `configmaps "b" is forbidden: ${text}`,
        reason: 'Invalid',
        details: { name: 'b', kind: 'configmaps', causes: [{ message: text }] },
      },
    )
  })

  it('refuse with another reason', async () => {
    await put('Validating', validations({ expression: 'false', reason: 'Forbidden' }))
    const { status, json } = await create(configMap('a'))
    assert.deepEqual([status, json.reason], [403, 'Forbidden'])
    assert.match(json.message, /failed expression: false$/)
  })

  it('say what their message expression says', async () => {
    const rule = {
      expression: 'size(object.data) < 2',
      messageExpression: "string(size(object.data)) + ' are too many'",
    }
    await put('Validating', validations(rule))
    assert.match(refusal(await create(configMap('a', { x: '', y: '' }))), /denied request: 2 are too many$/)
  })

  it('know variables, the namespace, the request and the old object', async () => {
    await put('Validating', {
      variables: [
        { name: 'team', expression: "namespaceObject.metadata.labels['team']" },
        { name: 'owned', expression: "variables.team + '-' + request.userInfo.username" },
      ],
      ...validations(
        "variables.owned == 'shop-tester'",
        "request.operation == 'UPDATE' || oldObject == null",
        "request.operation == 'CREATE' || oldObject.data.fixed == object.data.fixed",
      ),
    })
    assert.equal((await create(configMap('a', { fixed: '1' }))).status, 201)
    const changed = await server.send('PUT', `${CONFIG_MAPS}/a`, configMap('a', { fixed: '2' }))
    assert.match(refusal(changed), /failed expression: request.operation == 'CREATE' \|\|/)
    const elsewhere = await create(configMap('a'), '/api/v1/namespaces/other/configmaps')
    assert.match(refusal(elsewhere), /failed expression: variables.owned == 'shop-tester'$/)
  })

  it('ask the authorizer on behalf of the user', async () => {
    const check = (verb: string): string => `authorizer.requestResource.check('${verb}').allowed()`
    await put('Validating', validations(check('good')))
    assert.equal((await create(configMap('a'))).status, 201)
    const { user, verb, resource, namespace, name } = asked[0]!
    assert.deepEqual([user.name, verb, resource, namespace, name], ['tester', 'good', 'configmaps', 'shop', 'a'])
    await put('Mutating', { mutations: [] }).catch(() => {})
    const group = "authorizer.group('apps').resource('deployments').namespace('x').check('bad')"
    await server.send(
      'PATCH',
      `${BASE}/validatingadmissionpolicies/p`,
      { spec: validations(`${group}.allowed()`) },
      {
        'content-type': 'application/merge-patch+json',
      },
    )
    assert.equal((await create(configMap('b'))).status, 422)
  })

  it('match by conditions; one that fails counts by the failure policy', async () => {
    const conditions = (expression: string, failurePolicy = 'Fail'): object => ({
      matchConditions: [{ name: 'c', expression }],
      failurePolicy,
      ...validations('false'),
    })
    await put('Validating', conditions("object.metadata.name == 'a'"))
    assert.deepEqual([(await create(configMap('a'))).status, (await create(configMap('b'))).status], [422, 201])
    const set = (spec: object): Promise<Answer> =>
      server.send(
        'PATCH',
        `${BASE}/validatingadmissionpolicies/p`,
        { spec },
        { 'content-type': 'application/merge-patch+json' },
      )
    await set(conditions('object.nothing == 1'))
    assert.match(
      refusal(await create(configMap('c'))),
      /denied request: expression 'object.nothing == 1' resulted in error: no such key: nothing$/,
    )
    await set(conditions('object.nothing == 1', 'Ignore'))
    assert.equal((await create(configMap('c'))).status, 201)
  })

  it('take parameters from objects that bindings name', async () => {
    await create(configMap('limit', { most: '1' }), '/api/v1/namespaces/other/configmaps')
    await put(
      'Validating',
      {
        paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
        ...validations('size(object.data) <= int(params.data.most)'),
      },
      { paramRef: { name: 'limit', namespace: 'other', parameterNotFoundAction: 'Deny' } },
    )
    assert.equal((await create(configMap('a', { x: '' }))).status, 201)
    assert.match(refusal(await create(configMap('b', { x: '', y: '' }))), /failed expression: size\(object.data\)/)
    await server.send('DELETE', '/api/v1/namespaces/other/configmaps/limit')
    assert.match(
      refusal(await create(configMap('c'))),
      /failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction$/,
    )
  })

  it('take every parameter that a selector finds', async () => {
    for (const most of ['1', '3'])
      await create(
        configMap(`limit-${most}`, { most }, { labels: { limit: 'yes' } }),
        '/api/v1/namespaces/other/configmaps',
      )
    await put(
      'Validating',
      {
        paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
        ...validations('size(object.data) <= int(params.data.most)'),
      },
      {
        paramRef: { selector: { matchLabels: { limit: 'yes' } }, namespace: 'other', parameterNotFoundAction: 'Deny' },
      },
    )
    assert.deepEqual(
      [(await create(configMap('a', { x: '' }))).status, (await create(configMap('b', { x: '', y: '' }))).status],
      [201, 422],
    )
  })

  it('warn and audit instead of refusing', async () => {
    await put('Validating', validations('false'), { validationActions: ['Warn', 'Audit'] })
    const { status, headers } = await create(configMap('a'))
    assert.equal(status, 201)
    assert.match(
      String(headers.warning),
      /^299 - "Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': failed expression: false"$/,
    )
    assert.deepEqual(JSON.parse(annotations['validation.policy.admission.k8s.io/validation_failure']!), [
      {
        message: 'failed expression: false',
        policy: 'p',
        binding: 'b',
        expressionIndex: 0,
        validationActions: ['Warn', 'Audit'],
      },
    ])
  })

  it('write audit annotations', async () => {
    await put('Validating', {
      auditAnnotations: [
        { key: 'said', valueExpression: "'data: ' + object.data.x" },
        { key: 'unsaid', valueExpression: 'null' },
      ],
    })
    assert.equal((await create(configMap('a', { x: 'y' }))).status, 201)
    assert.deepEqual(annotations, { 'p/said': 'data: y' })
  })

  it('do nothing without a binding, or where the binding selects others', async () => {
    await put('Validating', validations('false'), {
      matchResources: { namespaceSelector: { matchLabels: { team: 'other' } } },
    })
    assert.equal((await create(configMap('a'))).status, 201)
    assert.equal((await create(configMap('a'), '/api/v1/namespaces/other/configmaps')).status, 422)
  })

  it('never keep anybody from changing them', async () => {
    const everything = [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*'] }]
    await put('Validating', { matchConstraints: { resourceRules: everything }, ...validations('false') })
    assert.equal((await create(configMap('a'))).status, 422)
    assert.equal((await server.send('DELETE', `${BASE}/validatingadmissionpolicies/p`)).status, 200)
  })

  describe('that change', () => {
    const apply = (expression: string): object => ({
      patchType: 'ApplyConfiguration',
      applyConfiguration: { expression },
    })
    const patch = (expression: string): object => ({ patchType: 'JSONPatch', jsonPatch: { expression } })

    it('lay fields over the object', async () => {
      await put('Mutating', {
        mutations: [
          apply("Object{metadata: Object.metadata{labels: {'by': request.userInfo.username}}, data: {'more': '1'}}"),
        ],
      })
      const { json } = await create(configMap('a', { x: 'y' }, { labels: { own: 'z' } }))
      assert.deepEqual(
        [json.metadata.labels, json.data],
        [
          { own: 'z', by: 'tester' },
          { x: 'y', more: '1' },
        ],
      )
    })

    it('patch it, each after the other', async () => {
      await put('Mutating', {
        variables: [{ name: 'n', expression: 'size(object.metadata.annotations)' }],
        mutations: [
          patch("[JSONPatch{op: 'add', path: '/metadata/annotations/a~1b', value: 'x'}]"),
          patch(
            "[JSONPatch{op: 'add', path: '/metadata/annotations/' + jsonpatch.escapeKey('n/n'), value: string(variables.n)}]",
          ),
        ],
      })
      const { json } = await create(configMap('a', {}, { annotations: { x: 'y' } }))
      assert.deepEqual(json.metadata.annotations, { x: 'y', 'a/b': 'x', 'n/n': '2' })
    })

    it('leave the object where the test of a patch fails', async () => {
      const operations =
        "[JSONPatch{op: 'test', path: '/data/x', value: 'z'}, JSONPatch{op: 'remove', path: '/data/x'}]"
      await put('Mutating', { mutations: [patch(operations)] })
      assert.deepEqual((await create(configMap('a', { x: 'y' }))).json.data, { x: 'y' })
    })

    it('merge lists by their keys', async () => {
      const pods = [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }]
      const expression =
        "Object{spec: Object.spec{initContainers: [Object.spec.initContainers{name: 'side', image: 'i', restartPolicy: 'Always'}]}}"
      await put('Mutating', { matchConstraints: { resourceRules: pods }, mutations: [apply(expression)] })
      const spec = { containers: [{ name: 'c', image: 'i' }], initContainers: [{ name: 'first', image: 'i' }] }
      const { json } = await create(
        { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec },
        '/api/v1/namespaces/shop/pods',
      )
      const found = json.spec.initContainers.map((each: { name: string; terminationMessagePath: string }) => [
        each.name,
        each.terminationMessagePath,
      ])
      assert.deepEqual(found, [
        ['first', '/dev/termination-log'],
        ['side', '/dev/termination-log'],
      ])
      await server.send('DELETE', '/api/v1/namespaces/shop/pods/p?gracePeriodSeconds=0')
    })

    it('refuse what cannot be laid over, in upstream’s words', async () => {
      const pods = [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }]
      const expression = "Object{spec: Object.spec{containers: [Object.spec.containers{name: 'c', args: ['x']}]}}"
      await put('Mutating', { matchConstraints: { resourceRules: pods }, mutations: [apply(expression)] })
      const spec = { containers: [{ name: 'c', image: 'i' }] }
      const { status, json } = await create(
        { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec },
        '/api/v1/namespaces/shop/pods',
      )
      assert.equal(status, 403)
      assert.equal(
        json.message,
        "policy 'p' with binding 'b' denied request: error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: .spec.containers[0].args",
      )
    })

    it('name fields by their place', async () => {
      await put('Mutating', { mutations: [apply('Object{data: Object.wrong{}}')] })
      assert.match(
        refusal(await create(configMap('a'))),
        /denied request: type mismatch: unexpected type name "Object.wrong", expected "Object.data"/,
      )
    })
  })
})
