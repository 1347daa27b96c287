import { packImage } from './oci-image.ts'
import { pauseProgramArm64 } from './pause-arm64.ts'

/** The image that holds a pod's namespaces open, as kubelets name it. */
export const PAUSE_IMAGE = 'registry.k8s.io/pause:3.10'

/**
 * The program of `pause.c`, a static ELF file of 656 bytes for x86-64:
 * `gcc -Os -static -nostdlib -fno-pic -no-pie -Wl,-n -s pause.c`. It reaps zombies and ends on SIGTERM and SIGINT.
 */
const PAUSE_X64 = [
  'f0VMRgIBAQAAAAAAAAAAAAIAPgABAAAAzABAAAAAAABAAAAAAAAAAJABAAAAAAAAAAAAAEAAOAACAEAABAADAAEAAAAFAAAAsAAAAAAAAACwAE',
  'AAAAAAALAAQAAAAAAAmgAAAAAAAACaAAAAAAAAAAEAAAAAAAAAUeV0ZAYAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  'AAAAEAAAAAAAAAAx0kUx0rg8AAAASInXSInWDwXDuA8AAAAPBQ8LMcBBuA0AAABIjXQk4DHSSIlEJOhBuggAAAC/EQAAAEiJRCTwSIlEJPhMic',
  'BIx0Qk4AEAAAAPBb8PAAAATInASMdEJOCwAEAASMdEJOgAAAAESMdEJPDDAEAADwW/AgAAAEyJwA8FQbgiAAAAMdJFMdJMicBIiddIidYPBevu',
  'R0NDOiAoRGViaWFuIDEyLjIuMC0xNCtkZWIxMnUxKSAxMi4yLjAAAC5zaHN0cnRhYgAudGV4dAAuY29tbWVudAAAAAAAAAAAAAAAAAAAAAAAAA',
  'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAALAAAAAQAAAAYAAAAAAAAAsABAAAAAAACwAAAAAAAA',
  'AJoAAAAAAAAAAAAAAAAAAAABAAAAAAAAAAAAAAAAAAAAEQAAAAEAAAAwAAAAAAAAAAAAAAAAAAAASgEAAAAAAAAnAAAAAAAAAAAAAAAAAAAAAQ',
  'AAAAAAAAABAAAAAAAAAAEAAAADAAAAAAAAAAAAAAAAAAAAAAAAAHEBAAAAAAAAGgAAAAAAAAAAAAAAAAAAAAEAAAAAAAAAAAAAAAAAAAA=',
].join('')

const PROGRAMS: Readonly<Record<string, { architecture: 'amd64' | 'arm64'; program: () => Buffer }>> = {
  x64: { architecture: 'amd64', program: () => Buffer.from(PAUSE_X64, 'base64') },
  arm64: { architecture: 'arm64', program: pauseProgramArm64 },
}

/** The pause image as an OCI layout in a tar file, to be given to `importImage`. Throws on other processors than these. */
export function pauseImage(processor: string = process.arch): Promise<Buffer> {
  const found = PROGRAMS[processor]
  if (found === undefined) throw new Error(`no pause program for ${processor}`)
  return packImage({
    name: PAUSE_IMAGE,
    architecture: found.architecture,
    files: [{ path: 'pause', mode: 0o755, content: found.program() }],
    config: { Entrypoint: ['/pause'], User: '65535:65535' },
  })
}
