import { readFileSync } from 'node:fs'

const CAP_SYS_RESOURCE = 24n

/** Whether this process may lower `oom_score_adj`: CAP_SYS_RESOURCE among its effective capabilities. */
export function mayLowerOomScore(): boolean {
  const line = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))
  return line !== null && (BigInt(`0x${line[1]}`) & (1n << CAP_SYS_RESOURCE)) !== 0n
}
