import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type EndedContainer, KillLog, wasKilledForMemory } from './out-of-memory.ts'

const MEBIBYTE = 2 ** 20
const BOOT = 1_700_000_000_000
const log = [
  '6,900,592000000,-;eth0: link up\n SUBSYSTEM=net\n',
  '6,901,592618000,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=aaa,mems_allowed=0,oom_memcg=/kubepods/burstable/podu/aaa,task_memcg=/kubepods/burstable/podu/aaa,task=dd,pid=15505,uid=0\n',
  '3,902,592618900,-;Memory cgroup out of memory: Killed process 15505 (dd) total-vm:84188kB, anon-rss:11904kB\n',
  '3,903,600000000,-;Memory cgroup out of memory: Killed process 15642 (dd) total-vm:84188kB, anon-rss:11904kB\n',
  '6,904,601000000,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=bbb,mems_allowed=0,oom_memcg=/kubepods.slice/x.slice,task_memcg=/kubepods.slice/x.slice/cri-containerd-bbb.scope,task=dd,pid=7,uid=0\n',
  '3,905,601000100,-;Memory cgroup out of memory: Killed process 7 (dd) total-vm:84188kB, anon-rss:11904kB\n',
]
const kills = new KillLog()
for (const record of log) kills.add(record)

test('only kills without a cgroup of their own are nameless', () => {
  assert.deepEqual([...kills.groups], ['aaa', 'cri-containerd-bbb.scope'])
  assert.deepEqual(kills.nameless, [600_000])
})

const base: EndedContainer = {
  id: 'ccc',
  finishedAt: BOOT + 600_100,
  memoryLimit: 12 * MEBIBYTE,
  peakMemory: 12 * MEBIBYTE,
}
const cases: [string, Partial<EndedContainer>, boolean][] = [
  ['named', { id: 'aaa', memoryLimit: 0, peakMemory: undefined }, true],
  ['named by systemd’s unit', { id: 'bbb', memoryLimit: 0 }, true],
  ['ended as a nameless victim was killed, at its limit', {}, true],
  ['far below its limit', { peakMemory: 8 * MEBIBYTE }, false],
  ['without a limit', { memoryLimit: 0 }, false],
  ['ended later', { finishedAt: BOOT + 604_000 }, false],
  ['ended before', { finishedAt: BOOT + 597_000 }, false],
]
for (const [name, change, expected] of cases)
  test(`killed for memory? ${name}`, () => {
    assert.equal(wasKilledForMemory({ ...base, ...change }, kills, BOOT), expected)
  })
