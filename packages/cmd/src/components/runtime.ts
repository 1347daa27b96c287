import { type Logger, sleep } from '@canopus/base'
import { type Cri, importImage, PAUSE_IMAGE, pauseImage } from '@canopus/cri'
import { systemClock } from '@canopus/platform'

/** Waits for the runtime's answer and gives it the pause image, which no registry has to serve then. */
export async function runtimeReady(socket: string, cri: Cri, logger: Logger, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      await cri.version({}, { deadline: 2000 })
      break
    } catch (error) {
      logger.debug('the container runtime does not answer yet', { error })
      await sleep(systemClock, 20, signal)
    }
  }
  const { image } = await cri.imageStatus({ image: { image: PAUSE_IMAGE } })
  if (!image) await importImage(socket, await pauseImage())
}
