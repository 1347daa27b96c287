import { existsSync, readFileSync } from 'node:fs'
import { packImage } from '../images/oci-image.ts'

const PROGRAM = '/usr/bin/busybox'
const APPLETS = [
  ...[
    'sh',
    'ls',
    'cat',
    'echo',
    'sleep',
    'id',
    'env',
    'ps',
    'wget',
    'nc',
    'hostname',
    'mkdir',
    'touch',
    'grep',
    'true',
  ],
  ...[
    'false',
    'date',
    'stat',
    'head',
    'tail',
    'wc',
    'rm',
    'mount',
    'kill',
    'df',
    'httpd',
    'sync',
    'dd',
    'nslookup',
    'ln',
  ],
  ...['seq', 'test', 'printf', 'chmod', 'readlink', 'sysctl', 'trap', 'tr', 'cut', 'sort', 'awk', 'sed', 'od', 'cp'],
]

export const BUSYBOX_IMAGE = 'docker.io/library/busybox:1.35'

/** Why there is no busybox image here, or `undefined` where there is. */
export function whyNoBusybox(): string | undefined {
  return existsSync(PROGRAM) ? undefined : `needs ${PROGRAM} (package busybox-static)`
}

/** An image of this machine's own busybox. */
export function busyboxImage(name: string = BUSYBOX_IMAGE): Promise<Buffer> {
  return packImage({
    name,
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    files: [
      { path: 'bin' },
      { path: 'etc' },
      { path: 'tmp', mode: 0o1777 },
      { path: 'root', mode: 0o700 },
      { path: 'bin/busybox', mode: 0o755, content: readFileSync(PROGRAM) },
      ...APPLETS.map(applet => ({ path: `bin/${applet}`, target: 'busybox' })),
      {
        path: 'etc/passwd',
        content: Buffer.from('root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n'),
      },
      { path: 'etc/group', content: Buffer.from('root:x:0:\nnogroup:x:65534:\n') },
    ],
    config: { Cmd: ['sh'], Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'] },
  })
}
