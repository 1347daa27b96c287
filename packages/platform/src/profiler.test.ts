import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { cpuProfile, heapStacks, startProfiler } from './profiler.ts'

const frame = (functionName: string) => ({ functionName, scriptId: '1', url: 'a.js', lineNumber: 1, columnNumber: 0 })

describe('profiles', () => {
  it('count what ran, and not that nobody did', () => {
    const nodes = [
      { id: 1, callFrame: frame('(root)'), children: [2, 4] },
      { id: 2, callFrame: frame('outer'), children: [3] },
      { id: 3, callFrame: frame('') },
      { id: 4, callFrame: frame('(idle)') },
    ]
    const { stacks, durationNanoseconds } = cpuProfile({
      nodes,
      samples: [3, 4, 3],
      timeDeltas: [100, 2000, 3000],
      startTime: 0,
      endTime: 10_000,
    })
    assert.equal(durationNanoseconds, 10_000_000)
    assert.equal(stacks.length, 1)
    assert.deepEqual(stacks[0]!.values, [2, (2000 + 5000) * 1000])
    assert.deepEqual(
      stacks[0]!.frames.map(({ name, line }) => [name, line]),
      [
        ['(anonymous)', 2],
        ['outer', 2],
      ],
    )
  })

  it('say of memory who made it', () => {
    const leaf = { callFrame: frame('inner'), selfSize: 8, children: [] }
    const stacks = heapStacks({ callFrame: frame('(root)'), selfSize: 0, children: [leaf] })
    assert.deepEqual(
      stacks.map(({ frames, values }) => [frames.map(each => each.name), values]),
      [[['inner'], [8]]],
    )
  })

  it('are taken of this process, one at a time', async () => {
    const [begun, over] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const profiler = await startProfiler(() => {
      begun.resolve()
      return over.promise
    })
    const first = profiler.cpu(1)
    await assert.rejects(profiler.cpu(1), /cpu profiling already in use/)
    await begun.promise
    over.resolve()
    assert.ok((await first).period > 0)
    assert.ok(Array.isArray(await profiler.heap()))
    profiler.close()
  })
})
