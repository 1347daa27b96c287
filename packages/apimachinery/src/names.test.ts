import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  checkConfigMapKey,
  checkDns1035Label,
  checkDns1123Label,
  checkDns1123Subdomain,
  checkEnvVarName,
  checkLabelValue,
  checkPathSegmentName,
  checkPercent,
  checkPortName,
  checkPortNumber,
  checkQualifiedName,
  checkWildcardDns1123Subdomain,
  generateName,
  maskTrailingDash,
  type NameCheck,
} from './names.ts'

const subdomain =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
const label =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
const namePart =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"

test('names are checked with upstream words', () => {
  const cases: [check: NameCheck, value: string, expected: string[]][] = [
    [checkDns1123Label, 'a-1', []],
    [checkDns1123Label, 'A', [label]],
    [checkDns1123Label, '-a', [label]],
    [checkDns1123Label, '', [label]],
    [checkDns1123Label, 'a.b', ['must not contain dots']],
    [checkDns1123Label, 'a'.repeat(64), ['must be no more than 63 characters']],
    [checkDns1123Subdomain, 'a.b-c.1', []],
    [checkDns1123Subdomain, 'POD-B', [subdomain]],
    [checkDns1123Subdomain, 'a..b', [subdomain]],
    [checkDns1123Subdomain, 'a'.repeat(254), ['must be no more than 253 characters']],
    [checkDns1035Label, '1a', [checkDns1035Label('-')[0]!]],
    [checkWildcardDns1123Subdomain, '*.foo.com', []],
    [checkQualifiedName, 'example.com/My_name', []],
    [checkQualifiedName, '', ['name part must be non-empty', namePart]],
    [checkQualifiedName, '/a', ['prefix part must be non-empty']],
    [checkQualifiedName, 'UP/a', [`prefix part ${subdomain}`]],
    [checkQualifiedName, 'a b', [namePart]],
    [checkQualifiedName, 'x'.repeat(64), ['name part must be no more than 63 bytes']],
    [checkLabelValue, '', []],
    [checkLabelValue, 'a_b.c-1', []],
    [checkPathSegmentName, '..', ["may not be '..'"]],
    [checkPathSegmentName, 'a/b%', ["may not contain '/'", "may not contain '%'"]],
    [checkConfigMapKey, '..a', ["must not start with '..'"]],
    [checkConfigMapKey, 'a.b_C-1', []],
    [checkEnvVarName, 'A B', []],
    [checkEnvVarName, '', ['environment variable name must be non-empty']],
    [
      checkEnvVarName,
      'A=B',
      ["a valid environment variable name must consist only of printable ASCII characters other than '='"],
    ],
    [checkPortName, 'http-1', []],
    [checkPortName, '80', ['must contain at least one letter (a-z)']],
    [checkPortName, 'a--b', ['must not contain consecutive hyphens']],
    [checkPortName, '-a', ['must not begin or end with a hyphen']],
    [checkPercent, '50%', []],
  ]
  for (const [check, value, expected] of cases) assert.deepEqual(check(value), expected, `${check.name} ${value}`)
  assert.deepEqual(checkPortNumber(0), ['must be between 1 and 65535, inclusive'])
  assert.deepEqual(checkPortNumber(443), [])
})

test('more than one slash in a label key is one finding', () => {
  const [message, ...others] = checkQualifiedName('a/b/c')
  assert.match(message!, /^a valid label key must consist of .* with an optional DNS subdomain prefix and '\/'/)
  assert.deepEqual(others, [])
})

test('generated names keep 58 characters and add 5 that spell nothing', () => {
  const random = { next: () => 0.999, bytes: (length: number) => new Uint8Array(length) }
  assert.equal(generateName(random, 'web-'), 'web-99999')
  assert.equal(generateName(random, 'x'.repeat(80)), `${'x'.repeat(58)}99999`)
  assert.equal(maskTrailingDash('web-'), 'wea')
  assert.equal(maskTrailingDash('-'), '-')
})

test('long hostile texts are answered at once', () => {
  assert.equal(checkDns1123Subdomain('a.'.repeat(1_000_000)).length, 2)
  assert.equal(checkLabelValue(`${'-'.repeat(90_000)}!`).length, 2)
})
