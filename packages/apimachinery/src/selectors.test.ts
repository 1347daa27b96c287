import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatFieldSelector, matchesFields, parseFieldSelector, requiredFieldValue } from './field-selectors.ts'
import { parseLabelSelector } from './label-selector-parser.ts'
import { validateAnnotations, validateLabelSelector, validateLabels } from './labels.ts'
import { formatSelector, labelSelector, matches, nothing, requiredLabelValue, selectorText } from './selectors.ts'

test('label selectors parse and print', () => {
  const cases: [text: string, printed: string][] = [
    ['', ''],
    ['a', 'a'],
    ['!a', '!a'],
    ['a\0=b', 'a'],
    ['a=b', 'a=b'],
    ['a == b , c!=d', 'a==b,c!=d'],
    ['z in (c, a ,b),y notin (x)', 'y notin (x),z in (a,b,c)'],
    ['a in ()', 'a in ()'],
    ['a in (,x)', 'a in (,x)'],
    ['x in (foo,,baz)', 'x in (,baz,foo)'],
    ['a=', 'a='],
    ['a=,b', 'a=,b'],
    ['in in (in)', 'in in (in)'],
    ['x>1,y<5', 'x>1,y<5'],
    ['example.com/a.b=C_d', 'example.com/a.b=C_d'],
    ['a\t=\nb', 'a=b'],
  ]
  for (const [text, printed] of cases) assert.equal(formatSelector(parseLabelSelector(text)), printed, text)
})

test('bad label selectors are refused in upstream words', () => {
  const cases: [text: string, message: string | RegExp][] = [
    ['a,', "found '', expected: identifier after ','"],
    [',a', "found ',', expected: !, identifier, or 'end of string'"],
    ['=a', "found '=', expected: !, identifier, or 'end of string'"],
    ['a=b=c', "found '=', expected: ',' or 'end of string'"],
    ['a b', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ['a in b', "unable to parse requirement: found 'b' expected: '('"],
    ['a in (b', "unable to parse requirement: found '', expected: ',' or ')'"],
    ['a in (b c)', "unable to parse requirement: found 'c', expected: ',' or ')'"],
    ['a=!', "unable to parse requirement: found '!', expected: identifier"],
    ['!=a', "found '!=', expected: !, identifier, or 'end of string'"],
    ['!a=b', "found '=', expected: ',' or 'end of string'"],
    [
      'x>a',
      `unable to parse requirement: values[0]: Invalid value: "a": for 'Gt', 'Lt' operators, the value must be an integer`,
    ],
    ['a/b/c=d', /^unable to parse requirement: <nil>: Invalid value: "a\/b\/c": a valid label key/],
    ['a=@', /^unable to parse requirement: values\[0\]\[a\]: Invalid value: "@": a valid label must be/],
  ]
  for (const [text, message] of cases) {
    assert.throws(() => parseLabelSelector(text), { name: 'SelectorError', message }, text)
  }
})

test('label selectors select', () => {
  const labels = { a: 'b', n: '5', empty: '' }
  const yes = ['', 'a', '!z', 'a=b', 'z!=b', 'a!=c', 'a in (b,c)', 'z notin (b)', 'n>4', 'n<6', 'empty=', 'empty']
  const no = ['z', '!a', 'a=c', 'a!=b', 'z in (b)', 'a notin (b)', 'n>5', 'a>1', 'z<3', 'toString']
  for (const text of yes) assert.equal(matches(parseLabelSelector(text), labels), true, text)
  for (const text of no) assert.equal(matches(parseLabelSelector(text), labels), false, text)
  assert.equal(matches(nothing, labels), false)
  assert.equal(matches([], undefined), true)
})

test('selector objects mean what upstream takes them for', () => {
  assert.equal(labelSelector(undefined), nothing)
  assert.equal(formatSelector(labelSelector({})), '')
  const selector = labelSelector({
    matchLabels: { z: '1' },
    matchExpressions: [
      { key: 'a', operator: 'NotIn', values: ['x', 'w'] },
      { key: 'b', operator: 'DoesNotExist' },
    ],
  })
  assert.equal(formatSelector(selector), 'a notin (w,x),!b,z=1')
  assert.equal(requiredLabelValue(selector, 'z'), '1')
  assert.throws(() => labelSelector({ matchExpressions: [{ key: 'a', operator: 'Foo' }] }), {
    message: '"Foo" is not a valid label selector operator',
  })
  assert.throws(() => labelSelector({ matchExpressions: [{ key: 'a', operator: 'In' }] }), {
    message: "values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty",
  })
})

test('label selectors and labels in objects are validated', () => {
  const errors = validateLabelSelector(
    {
      matchLabels: { ok: 'ok' },
      matchExpressions: [
        { key: 'a', operator: 'In' },
        { key: 'a', operator: 'Exists', values: ['x'] },
        { key: 'a', operator: 'Nope' },
      ],
    },
    'spec.selector',
  )
  assert.deepEqual(
    errors.map(each => `${each.field}: ${each.body}`),
    [
      "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
      "spec.selector.matchExpressions[1].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
      'spec.selector.matchExpressions[2].operator: Invalid value: "Nope": not a valid selector operator',
    ],
  )
  assert.equal(validateLabels({ 'a/b': 'c', 'bad key': 'bad value' }, 'metadata.labels').length, 2)
  assert.deepEqual(validateAnnotations({ 'EXAMPLE.com/Key': 'anything at all\n' }, 'metadata.annotations'), [])
  assert.deepEqual(
    validateAnnotations({ a: 'x'.repeat(256 * 1024) }, 'metadata.annotations').map(each => each.body),
    ['Too long: may not be more than 262144 bytes'],
  )
})

test('field selectors parse, print and select', () => {
  const cases: [text: string, printed: string][] = [
    ['', ''],
    ['a=b', 'a=b'],
    ['b==c,a!=d', 'a!=d,b=c'],
    ['a=x\\,y\\=z\\\\', 'a=x\\,y\\=z\\\\'],
    ['a=', 'a='],
    [',a=b,', 'a=b'],
  ]
  for (const [text, printed] of cases) assert.equal(formatFieldSelector(parseFieldSelector(text)), printed, text)
  const selector = parseFieldSelector('spec.nodeName=n1,status.phase!=Failed')
  const read = (phase: string) => (field: string) => (field === 'spec.nodeName' ? 'n1' : phase)
  assert.equal(matchesFields(selector, read('Running')), true)
  assert.equal(matchesFields(selector, read('Failed')), false)
  assert.equal(requiredFieldValue(selector, 'spec.nodeName'), 'n1')
  assert.equal(requiredFieldValue(selector, 'status.phase'), undefined)
})

test('bad field selectors are refused in upstream words', () => {
  const cases: [text: string, message: string][] = [
    ['a', "invalid selector: 'a'; can't understand 'a'"],
    ['a=b=c', 'invalid field selector: unescaped character in value: 61'],
    ['a=\\x', 'invalid field selector: invalid escape sequence: \\x'],
    ['a=\\', 'invalid field selector: invalid escape sequence: \\'],
  ]
  for (const [text, message] of cases) assert.throws(() => parseFieldSelector(text), { message }, text)
})

test('selectors as Go prints them', () => {
  assert.equal(selectorText(undefined), 'nil')
  assert.equal(
    selectorText({ matchLabels: { a: 'b' }, matchExpressions: [{ key: 'k', operator: 'In', values: ['x', 'y'] }] }),
    '&LabelSelector{MatchLabels:map[string]string{a: b,},MatchExpressions:[]LabelSelectorRequirement{LabelSelectorRequirement{Key:k,Operator:In,Values:[x y],},},}',
  )
})
