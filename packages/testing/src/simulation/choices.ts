import { type Random, randomInt } from '@canopus/base'

/** One of several, by chance. */
export const pick = <T>(random: Random, from: readonly T[]): T => from[randomInt(random, from.length)]!

/** A whole number between two, both included. */
export const between = (random: Random, least: number, most: number): number =>
  least + randomInt(random, most - least + 1)

export const chance = (random: Random, rate: number): boolean => random.next() < rate
