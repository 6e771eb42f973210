/**
 * Times as Node's utimes calls take them: seconds in a double. For a time of our days a double is exact to 238 ns, and
 * libuv cuts off what is below a nanosecond: what is set lies within 120 ns of what was asked for, and of two times the
 * later never becomes the earlier.
 */

/** `ns` since 1970. */
export function secondsOf(ns: bigint): number {
  // Divided before it is rounded: the whole number of nanoseconds does not fit a double.
  return Number(ns / 1_000_000_000n) + Number(ns % 1_000_000_000n) / 1e9;
}

/** Node takes a negative number for the present, but a Date as it is (to the millisecond). */
export function timeArgument(seconds: number): number | Date {
  return seconds < 0 ? new Date(seconds * 1000) : seconds;
}
