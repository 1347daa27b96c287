import { tryRun } from '@canopus/platform'

/**
 * Removes the empty chains that the CNI plugin `portmap` leaves in the nat table after the last pod with a host port. Where
 * somebody's pods still have host ports (`CNI-DN-*` chains), nothing is touched.
 */
export async function removeHostPortRules(): Promise<void> {
  const saved = await tryRun('iptables-save', ['-t', 'nat']).catch(() => undefined)
  if (saved?.code !== 0) return
  const commands = planHostPortRemoval(saved.stdout)
  if (commands.length === 0) return
  const input = ['*nat', ...commands, 'COMMIT', ''].join('\n')
  await tryRun('iptables-restore', ['--noflush'], { input })
}

/** The `iptables-restore` lines that take the chains away; none where there are none or they are in use. */
export function planHostPortRemoval(saved: string): string[] {
  const lines = saved.split('\n')
  const chains = lines.flatMap(line => /^:(CNI-[A-Z0-9-]+)/i.exec(line)?.[1] ?? [])
  if (chains.some(chain => chain.startsWith('CNI-DN-'))) return []
  const ours = chains.filter(chain => chain.startsWith('CNI-HOSTPORT-'))
  const jumps = lines.filter(line => /^-A (PREROUTING|OUTPUT|POSTROUTING) .*-j CNI-HOSTPORT-/.test(line))
  return [
    ...jumps.map(line => line.replace(/^-A/, '-D')),
    ...ours.map(chain => `-F ${chain}`),
    ...ours.map(chain => `-X ${chain}`),
  ]
}
