/**
 * The program of `pause.c` for arm64, put together instruction by instruction, so that no compiler for it is needed. It makes
 * the same system calls; `pause` itself is not among arm64's, and `ppoll` without descriptors and limit stands for it.
 */

const SIGINT = 2
const SIGTERM = 15
const SIGCHLD = 17
const SIG_IGN = 1
/** System calls of arm64 (include/uapi/asm-generic/unistd.h). */
const PPOLL = 73
const EXIT = 93
const RT_SIGACTION = 134

const SP = 31
const CALL_NUMBER = 8
const HANDLER = 9

const movz = (register: number, value: number): number => (0xd2800000 | (value << 5) | register) >>> 0
const SVC = 0xd4000001
/** Makes room for a `struct sigaction` of 32 bytes: handler, flags, restorer, mask. */
const MAKE_ROOM = 0xd1000000 | (32 << 10) | (SP << 5) | SP
/** `str x9, [sp]` */
const STORE_HANDLER = 0xf9000000 | (SP << 5) | HANDLER
/** `stp xzr, xzr, [sp, #8]` */
const CLEAR_FLAGS_AND_RESTORER = 0xa9000000 | (1 << 15) | (31 << 10) | (SP << 5) | 31
/** `str xzr, [sp, #24]` */
const CLEAR_MASK = 0xf9000000 | (3 << 10) | (SP << 5) | 31
/** `mov x1, sp` */
const ACTION_FROM_STACK = 0x91000000 | (SP << 5) | 1
/** `adr x9, <so many instructions from here>` */
const adr = (instructions: number): number => 0x10000000 | (instructions << 5) | HANDLER
/** `b <so many instructions back>` */
const branchBack = (instructions: number): number => (0x14000000 | (-instructions & 0x3ffffff)) >>> 0

const setAction = (signal: number): number[] => [movz(0, signal), ACTION_FROM_STACK, SVC]

const BEFORE_HANDLER = [
  MAKE_ROOM,
  CLEAR_FLAGS_AND_RESTORER,
  CLEAR_MASK,
  movz(2, 0), // the old action is not wanted
  movz(3, 8), // bytes of a signal mask
  movz(CALL_NUMBER, RT_SIGACTION),
  movz(HANDLER, SIG_IGN),
  STORE_HANDLER,
  ...setAction(SIGCHLD), // the kernel reaps the children that nobody else does
]
const WITH_HANDLER = [STORE_HANDLER, ...setAction(SIGTERM), ...setAction(SIGINT)]
const WAIT = [movz(0, 0), movz(1, 0), movz(2, 0), movz(3, 0), movz(CALL_NUMBER, PPOLL), SVC]
const END = [movz(0, 0), movz(CALL_NUMBER, EXIT), SVC]

const CODE = [
  ...BEFORE_HANDLER,
  adr(1 + WITH_HANDLER.length + WAIT.length + 1),
  ...WITH_HANDLER,
  ...WAIT,
  branchBack(WAIT.length),
  ...END,
]

const ELF_HEADER_BYTES = 64
const PROGRAM_HEADER_BYTES = 56
const BASE = 0x400000n
/** Pages of arm64 may have 64 KiB. */
const PAGE = 0x10000n
const PT_LOAD = 1
const PT_GNU_STACK = 0x6474e551
const [EXECUTE, WRITE, READ] = [1, 2, 4]
const EXECUTABLE = 2
const AARCH64 = 183

/** A static ELF file (System V ABI, chapters 4 and 5): one segment that holds headers and code, and a stack without code. */
export function pauseProgramArm64(): Buffer {
  const start = ELF_HEADER_BYTES + 2 * PROGRAM_HEADER_BYTES
  const file = Buffer.alloc(start + 4 * CODE.length)
  file.write('\x7fELF', 'latin1')
  file.set([2, 1, 1], 4) // 64 bits, little endian, version
  file.writeUInt16LE(EXECUTABLE, 16)
  file.writeUInt16LE(AARCH64, 18)
  file.writeUInt32LE(1, 20)
  file.writeBigUInt64LE(BASE + BigInt(start), 24)
  file.writeBigUInt64LE(BigInt(ELF_HEADER_BYTES), 32)
  file.writeUInt16LE(ELF_HEADER_BYTES, 52)
  file.writeUInt16LE(PROGRAM_HEADER_BYTES, 54)
  file.writeUInt16LE(2, 56)
  file.writeUInt16LE(64, 58) // size of a section header, of which there are none
  writeSegment(file, 0, { type: PT_LOAD, flags: READ | EXECUTE, base: BASE, size: file.length, align: PAGE })
  writeSegment(file, 1, { type: PT_GNU_STACK, flags: READ | WRITE, base: 0n, size: 0, align: 16n })
  CODE.forEach((instruction, index) => {
    file.writeUInt32LE(instruction >>> 0, start + 4 * index)
  })
  return file
}

interface Segment {
  type: number
  flags: number
  base: bigint
  size: number
  align: bigint
}

function writeSegment(file: Buffer, index: number, { type, flags, base, size, align }: Segment): void {
  const at = ELF_HEADER_BYTES + index * PROGRAM_HEADER_BYTES
  file.writeUInt32LE(type, at)
  file.writeUInt32LE(flags, at + 4)
  file.writeBigUInt64LE(base, at + 16)
  file.writeBigUInt64LE(base, at + 24)
  file.writeBigUInt64LE(BigInt(size), at + 32)
  file.writeBigUInt64LE(BigInt(size), at + 40)
  file.writeBigUInt64LE(align, at + 48)
}
