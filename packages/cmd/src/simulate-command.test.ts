import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type CliEnvironment, Failure } from '@canopus/cli'
import { Command } from 'commander'
import { addSimulate } from './simulate-command.ts'

describe('canopus simulate', () => {
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'canopus-simulate-'))
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  /** What it writes, and how it ends. */
  async function simulate(events: string): Promise<{ stdout: string; failure?: unknown }> {
    const path = join(folder, 'scenario.yaml')
    writeFileSync(path, `nodes: [{count: 1}]\npatience: 30s\nevents: ${events}\n`)
    let stdout = ''
    const environment = { stdout: { write: (text: string) => (stdout += text) } } as unknown as CliEnvironment
    const program = new Command().exitOverride()
    addSimulate(program, environment)
    try {
      await program.parseAsync(['simulate', path, '-o', 'json'], { from: 'user' })
      return { stdout }
    } catch (failure) {
      return { stdout, failure }
    }
  }

  it('fails where an event failed and says which, after the whole report', async () => {
    const { stdout, failure } = await simulate('[{at: 5s, delete: deployment/none}, {at: 10s, uncordon: node-0}]')
    assert.equal(JSON.parse(stdout).events.length, 3)
    assert.ok(failure instanceof Failure, `${failure}`)
    assert.match(failure.message, /^1 of 3 events failed:\n.*deployment\/none.* \(at 5s\): .*"none" not found$/)
  })

  it('ends well where all events took place', async () => {
    const { stdout, failure } = await simulate('[{at: 5s, uncordon: node-0}]')
    assert.equal(failure, undefined)
    assert.equal(JSON.parse(stdout).events.length, 2)
  })
})
