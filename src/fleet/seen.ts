import type { Fact, Facts } from '../core/fleet.ts'

/** The facts that are there. */
export const definedFacts = (facts: Readonly<Record<string, Fact | undefined>>): Facts =>
  Object.fromEntries(Object.entries(facts).flatMap(([name, fact]) => (fact === undefined ? [] : [[name, fact]])))

/** The numbers that are there. */
export const definedNumbers = (
  numbers: Readonly<Record<string, number | undefined>>,
): Readonly<Record<string, number>> =>
  Object.fromEntries(Object.entries(numbers).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))
