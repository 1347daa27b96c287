import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseCases, type Step } from './case-file.ts'
import { whatIsWrong } from './run-case.ts'

test('a case is a title, files and steps', () => {
  const [first, second] = parseCases(
    [
      '# one @smoke @1.31',
      'file a.yaml',
      '  a:',
      '    b: 1',
      '',
      '$ true',
      '= x',
      '= y',
      '~ ^z',
      '',
      '# two',
      '! false',
      '!~ a',
    ].join('\n'),
    'a.cases',
  )
  assert.deepEqual([first?.title, first?.smoke, first?.since, first?.line], ['one', true, 31, 1])
  assert.equal(first?.files.get('a.yaml'), 'a:\n  b: 1\n')
  assert.deepEqual(first?.steps, [
    { line: 6, command: 'true', mode: 'succeeds', stdout: 'x\ny', found: [/^z/m], absent: [] },
  ])
  assert.deepEqual([second?.smoke, second?.steps[0]?.mode, second?.steps[0]?.absent], [false, 'fails', [/a/m]])
})

test('what is not understood is refused', () => {
  for (const [text, message] of [
    ['$ true', /a\.cases:1: before the first title/],
    ['# one\n= x', /a\.cases:2: before the first command/],
    ['# one\n$ true\n; false', /a\.cases:3: not understood/],
    ['# one\n\n# two\n$ true', /a\.cases:1: no steps: one/],
  ] as const)
    assert.throws(() => parseCases(text, 'a.cases'), message)
})

test('every expectation can fail', () => {
  const step: Step = { line: 1, command: '', mode: 'succeeds', stdout: 'a', found: [/b/], absent: [/c/] }
  assert.equal(whatIsWrong(step, { code: 0, stdout: 'a\n', stderr: 'b' }), undefined)
  assert.match(whatIsWrong(step, { code: 1, stdout: 'a\n', stderr: 'b' })!, /status 1/)
  assert.match(whatIsWrong({ ...step, mode: 'fails' }, { code: 0, stdout: 'a\n', stderr: 'b' })!, /status 0/)
  assert.match(whatIsWrong(step, { code: 0, stdout: 'ab\n', stderr: 'b' })!, /standard output is not/)
  assert.match(whatIsWrong(step, { code: 0, stdout: 'a\n', stderr: '' })!, /not found/)
  assert.match(whatIsWrong(step, { code: 0, stdout: 'a\n', stderr: 'bc' })!, /must not be there/)
})
