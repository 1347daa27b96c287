import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toJson } from '../values/json.ts'
import { ObjectValue } from '../values/value.ts'
import { kubernetesEnvironment } from './environment.ts'
import {
  type AuthorizationQuestion,
  authorizerType,
  authorizerValue,
  requestResourceValue,
  resourceCheckType,
} from './library/authorizer.ts'
import { mutationLibrary, objectTypeProblem } from './library/json-patch.ts'

const environment = kubernetesEnvironment.extend({
  variables: { authorizer: authorizerType, 'authorizer.requestResource': resourceCheckType },
  libraries: [mutationLibrary],
})

function run(expression: string): unknown {
  const compiled = environment.compile(expression)
  assert.ok(compiled.ok, compiled.ok ? '' : compiled.message)
  const result = environment.program(compiled.ast).evaluate({})
  return result.ok ? toJson(result.value) : `error: ${result.error.message}`
}

const results: readonly (readonly [expression: string, result: unknown])[] = [
  ["quantity('50k').add(20).sub(quantity('100k')).asInteger()", -49980],
  ["quantity('200M') == quantity('0.2G')", true],
  ["quantity('50M').compareTo(quantity('50Mi'))", -1],
  ["quantity('50.703k').asApproximateFloat()", 50703],
  ["quantity('9999999999999999999999999999999999999G').isInteger()", false],
  ["quantity('9999999999999999999999999999999999999G').asInteger()", 'error: cannot convert value to integer'],
  [
    "quantity('10Mo')",
    "error: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
  ],
  ["isQuantity('10Mm')", false],
  ["sign(quantity('-5'))", -1],
  ["url('https://user@Example.com:80/a%20b/c d?x=1&x=2&y=a+b').getHost()", 'Example.com:80'],
  ["url('https://[::1]:80/').getHostname() + url('https://[::1]:80/').getPort()", '::180'],
  ["url('https://h/a%2Fb').getEscapedPath()", '/a%2Fb'],
  ["url('https://h/p?x=1&x=2&y=a+b').getQuery()", { x: ['1', '2'], y: ['a b'] }],
  ["url('https://h/p?x=1#y=2').getQuery()", { x: ['1'] }],
  ["url('//h/p').getHost()", 'h'],
  ["isURL('../relative')", false],
  ["isURL('/absolute/path')", true],
  ["isURL('https://a:b/')", false],
  [
    "url('relative')",
    'error: URL parse error during conversion from string: parse "relative": invalid URI for request',
  ],
  ["ip('192.168.0.1').family() + ip('::1').family()", 10],
  ["ip('127.0.0.1').isLoopback() && ip('fe80::1').isLinkLocalUnicast() && ip('ff02::1').isLinkLocalMulticast()", true],
  ["ip('255.255.255.255').isGlobalUnicast()", false],
  ["ip.isCanonical('2001:DB8::1')", false],
  ["isIP('10.0.0.01') || isIP('fe80::1%eth0') || isIP('::ffff:1.2.3.4')", false],
  [
    "ip('300.0.0.1')",
    'error: IP Address "300.0.0.1" parse error during conversion from string: ParseAddr("300.0.0.1"): IPv4 field has value >255',
  ],
  ...(
    [
      ['1.2.3', 'IPv4 address too short'],
      ['1.2.3.4.5', 'IPv4 address too long'],
      ['1..3.4', 'IPv4 field must have at least one digit (at ".3.4")'],
      ['1.2.3.04', 'IPv4 field has octet with leading zero'],
      ['1.2.3.x', 'unexpected character (at "x")'],
      ['localhost', 'unable to parse IP'],
      ['2001:db8:::68', 'each colon-separated field must have at least one digit (at ":68")'],
      ['1::2::3', 'multiple :: in address (at ":3")'],
      ['1:2:3:4:5:6:7', 'address string too short'],
      ['1:2:3:4:5:6:7:8:9', 'trailing garbage after address (at "9")'],
      ['12345::', 'each group must have 4 or less digits (at "12345::")'],
      ['::1:2:3:4:5:6:7:8', 'the :: must expand to at least one field of zeros'],
      ['1:2:3:1.2.3.4', 'embedded IPv4 address must replace the final 2 fields of the address (at "1.2.3.4")'],
      ['fe80::1%', 'zone must be a non-empty string'],
      ['1:', 'colon must be followed by more characters (at ":")'],
    ] as const
  ).map(
    ([text, problem]) =>
      [
        `ip('${text}')`,
        `error: IP Address "${text}" parse error during conversion from string: ParseAddr("${text}"): ${problem}`,
      ] as const,
  ),
  [
    "string(ip('::')) + ' ' + string(ip('::1.2.3.4')) + ' ' + string(ip('1:2:3:4:5:6:7::'))",
    ':: ::102:304 1:2:3:4:5:6:7:0',
  ],
  ["string(ip('2001:db8:0:0::1'))", '2001:db8::1'],
  ["cidr('10.0.0.0/8').containsIP('10.1.2.3') && cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16')", true],
  ["cidr('10.0.0.0/8').containsCIDR('10.0.0.0/7')", false],
  ["string(cidr('192.168.1.7/24').masked()) + string(cidr('::/0').ip())", '192.168.1.0/24::'],
  ["isCIDR('10.0.0.0/33') || isCIDR('10.0.0.0')", false],
  ["semver('1.2.3-alpha.2').compareTo(semver('1.2.3-alpha.10'))", -1],
  ["semver('1.2.3').isGreaterThan(semver('1.2.3-rc')) && semver('1.2.3+a') == semver('1.2.3+b')", true],
  ["semver('v01.2', true).major() + semver('v01.2', true).patch()", 1],
  ["isSemver('1.2') || isSemver('01.2.3') || isSemver('v1.2.3')", false],
  ["semver('1.2')", 'error: No Major.Minor.Patch elements found'],
  ["format.dns1123Label().validate('ok').hasValue()", false],
  ["format.named('dns1123Label').value().validate('Not').value().size()", 1],
  ["format.named('nope').hasValue()", false],
  ["format.dns1123LabelPrefix().validate('abc-').hasValue()", false],
  [
    "[format.uuid().validate('x'), format.date().validate('2024-02-30'), format.datetime().validate('x'), format.byte().validate('?')].all(p, p.hasValue())",
    true,
  ],
  [
    "[format.date().validate('2024-02-29'), format.datetime().validate('2024-02-29T01:02:03Z'), format.byte().validate('QUI='), format.uri().validate('/a')].exists(p, p.hasValue())",
    false,
  ],
  ["'abc 123 45'.find('[0-9]+') + 'abc 123 45'.findAll('[0-9]+', 1)[0]", '123123'],
  ["'abc 123 45'.findAll('[0-9]+')", ['123', '45']],
  ['[1, 2, 2].isSorted() && [1, 3, 2].max() == 3 && [2.0, 1.0].min() == 1.0', true],
  ['[1, 2, 3].sum() + [1, 2, 1].indexOf(1) + [1, 2, 1].lastIndexOf(1)', 8],
  ["[duration('1s'), duration('2s')].sum()", '3s'],
  ['dyn([]).max()', 'error: max called on empty list'],
  ["jsonpatch.escapeKey('a/b~c')", 'a~1b~0c'],
  ["[JSONPatch{op: 'add', path: '/a', value: {'b': 1}}]", [{ op: 'add', path: '/a', value: { b: 1 } }]],
  ['Object{spec: Object.spec{replicas: 1, ?x: optional.none()}}', { spec: { replicas: 1 } }],
]

for (const [expression, result] of results) {
  test(`libraries: ${expression}`, () => {
    assert.deepEqual(run(expression), result)
  })
}

test('the types of an object say where it belongs', () => {
  const value = (inner: string): ObjectValue =>
    new ObjectValue('Object', new Map([['spec', new ObjectValue(inner, new Map())]]))
  assert.equal(objectTypeProblem(value('Object.spec')), undefined)
  assert.equal(
    objectTypeProblem(value('Object.status')),
    'unexpected type name "Object.status", expected "Object.spec", which matches field name path from root Object type',
  )
})

async function decide(
  expression: string,
  allowed: (question: AuthorizationQuestion) => boolean,
): Promise<{ value: unknown; asked: AuthorizationQuestion[]; cost: number }> {
  const asked: AuthorizationQuestion[] = []
  const authorizer = authorizerValue(async question => {
    asked.push(question)
    await Promise.resolve()
    return { allowed: allowed(question), reason: 'because' }
  })
  const compiled = environment.compile(expression)
  assert.ok(compiled.ok, compiled.ok ? '' : compiled.message)
  const resource = requestResourceValue(authorizer, {
    group: 'apps',
    resource: 'deployments',
    subresource: '',
    namespace: 'ns',
    name: 'web',
  })
  const result = await environment
    .program(compiled.ast)
    .evaluateAsync({ authorizer, 'authorizer.requestResource': resource })
  assert.ok(result.ok)
  return { value: result.value, asked, cost: result.cost }
}

test('an authorizer may answer later: each question is asked once, and costs are as if it had not waited', async () => {
  const pods = "authorizer.group('').resource('pods').namespace('ns').check('get').allowed()"
  const { value, asked, cost } = await decide(
    `${pods} && ${pods} && authorizer.path('/healthz').check('get').allowed()`,
    () => true,
  )
  assert.equal(value, true)
  assert.deepEqual(
    asked.map(question => (question.kind === 'path' ? question.path : question.resource)),
    ['pods', '/healthz'],
  )
  assert.equal(cost, 3 * 350_000 + 5 + 5 + 3)
})

test('an authorizer is asked about service accounts, selectors and the resource of the request', async () => {
  const expression = [
    "!authorizer.serviceAccount('ns', 'sa').group('').resource('pods').labelSelector('a=b').fieldSelector('x').check('list').allowed()",
    "authorizer.requestResource.check('custom').reason() == 'because'",
  ].join(' && ')
  const { value, asked } = await decide(expression, () => false)
  assert.equal(value, true)
  const [first, second] = asked
  assert.ok(first?.kind === 'resource' && second?.kind === 'resource')
  assert.deepEqual(first.subject, { namespace: 'ns', name: 'sa' })
  assert.ok(first.labelSelector !== undefined && 'selector' in first.labelSelector)
  assert.ok(first.fieldSelector !== undefined && 'error' in first.fieldSelector)
  assert.deepEqual([second.subject, second.verb, second.name], [undefined, 'custom', 'web'])
})
