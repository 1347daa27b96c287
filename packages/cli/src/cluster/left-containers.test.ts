import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { leftOf } from './left-containers.ts'

const container = 'c0'.repeat(32)
const uid = '9a2a8136-b036-4285-8361-e30de0b21c83'

describe('processes in containers that nobody looks after', () => {
  const cases: [string, string, boolean][] = [
    ['cgroup v1', `9:name=systemd:/x\n8:pids:/kubepods/besteffort/pod${uid}/${container}\n`, true],
    ['cgroup v2', `0::/kubepods/pod${uid}/${container}\n`, true],
    ['a cgroup that the container made', `0::/kubepods/burstable/pod${uid}/${container}/inner\n`, true],
    [
      'the systemd driver',
      `0::/kubepods.slice/kubepods-pod${uid.replaceAll('-', '_')}.slice/cri-containerd-${container}.scope\n`,
      true,
    ],
    ['a container of another cluster', `0::/kubepods/pod${uid}/${'ab'.repeat(32)}\n`, false],
    ['a container that is no pod’s', `0::/docker/${container}\n`, false],
    ['no container', '0::/user.slice\n', false],
  ]
  for (const [name, cgroup, expected] of cases)
    it(name, () =>
      assert.deepEqual(leftOf([container], [{ pid: 7, cgroup }]), expected ? [{ pid: 7, podUid: uid }] : []),
    )
})
