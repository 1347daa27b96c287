/** A line of a container's log as the runtime writes it: `<RFC 3339 time> stdout|stderr F|P <text>`. */
export interface LogLine {
  /** As written, with nanoseconds. */
  time: string
  stream: 'stdout' | 'stderr'
  /** False for a piece of a longer line; more of it follows. */
  full: boolean
  text: Buffer
}

const SPACE = 0x20

/** Reads one line without its newline. Nothing where it is not in this form. */
export function parseLogLine(line: Buffer): LogLine | undefined {
  const first = line.indexOf(SPACE)
  const second = line.indexOf(SPACE, first + 1)
  const third = line.indexOf(SPACE, second + 1)
  if (first < 0 || second < 0) return undefined
  const stream = line.toString('latin1', first + 1, second)
  if (stream !== 'stdout' && stream !== 'stderr') return undefined
  const tags = line.toString('latin1', second + 1, third < 0 ? line.length : third)
  return {
    time: line.toString('latin1', 0, first),
    stream,
    full: tags.split(':')[0] !== 'P',
    text: third < 0 ? Buffer.alloc(0) : line.subarray(third + 1),
  }
}
