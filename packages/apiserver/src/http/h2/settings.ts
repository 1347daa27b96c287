/** What the other side of a connection asks for (RFC 9113, section 6.5). */
import { CODE, ConnectionError, DEFAULT_WINDOW, FRAME_BYTES, LARGEST_WINDOW, SETTING } from './frames.ts'

export interface PeerSettings {
  /** What its table for our header blocks holds, where it said so. */
  headerTable: number | undefined
  /** How many bytes of an answer it takes at first. */
  window: number
  /** What a frame may carry. */
  maxFrame: number
}

export const initialSettings = (): PeerSettings => ({
  headerTable: undefined,
  window: DEFAULT_WINDOW,
  maxFrame: FRAME_BYTES,
})

const SETTING_BYTES = 6

/** Takes a SETTINGS frame in. Throws ConnectionError for what may not be asked. */
export function takeSettings(settings: PeerSettings, payload: Buffer): void {
  if (payload.length % SETTING_BYTES !== 0) throw new ConnectionError(CODE.frameSize, 'settings of the wrong size')
  for (let at = 0; at < payload.length; at += SETTING_BYTES) {
    takeSetting(settings, payload.readUInt16BE(at), payload.readUInt32BE(at + 2))
  }
}

function takeSetting(settings: PeerSettings, name: number, value: number): void {
  switch (name) {
    case SETTING.headerTable:
      settings.headerTable = value
      break
    case SETTING.push:
      if (value > 1) throw new ConnectionError(CODE.protocol, 'push is on or off')
      break
    case SETTING.window:
      if (value > LARGEST_WINDOW) throw new ConnectionError(CODE.flowControl, 'a window is too big')
      settings.window = value
      break
    case SETTING.maxFrame:
      if (value < FRAME_BYTES || value > MOST_FRAME_BYTES) throw new ConnectionError(CODE.protocol, 'frames of no size')
      settings.maxFrame = value
  }
}

const MOST_FRAME_BYTES = 2 ** 24 - 1
