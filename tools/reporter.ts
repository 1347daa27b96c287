/** Prints failures in full, skips with their reasons and the totals: nothing else, so that a log of thousands of tests can be read. */
import type { TestEvent } from 'node:test/reporters'

interface Details {
  error?: { cause?: unknown; message?: string; failureType?: string }
  type?: string
}

/** The source of a `--test-reporter`: turns test events into text. */
export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const totals = { passed: 0, failed: 0, skipped: 0 }
  for await (const event of source) {
    if (event.type === 'test:stderr' || event.type === 'test:stdout') yield event.data.message
    if (event.type !== 'test:pass' && event.type !== 'test:fail') continue
    const { name, file, line, skip, todo } = event.data
    const details = event.data.details as Details
    // A suite fails with its tests; by itself only where a hook of it does.
    if (details.type === 'suite' && (event.type === 'test:pass' || details.error?.failureType === 'subtestsFailed'))
      continue
    if (event.type === 'test:fail' && !todo) {
      totals.failed++
      yield `FAILED  ${name}  (${relative(file)}:${line})\n${indent(failure(details))}\n`
    } else if (skip !== undefined) {
      totals.skipped++
      yield `skipped ${name}${typeof skip === 'string' && skip !== '' ? `: ${skip}` : ''}\n`
    } else totals.passed++
  }
  yield `${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped\n`
}

function failure(details: Details): string {
  const error = details.error?.cause ?? details.error
  return error instanceof Error
    ? (error.stack ?? error.message)
    : String((error as { message?: string } | undefined)?.message ?? error)
}

const relative = (file: string | undefined): string => (file ?? '').replace(`${process.cwd()}/`, '')
const indent = (text: string): string => text.replaceAll(/^/gm, '    ')
