/**
 * A model of a link between two places: how long a byte is on its way, how many fit through in a second, and how many a TCP
 * connection dares to have under way. A proxy on loopback ends both TCP connections beside it, so that none of this
 * would be felt without the model. There is no loss in it. Times are milliseconds of the caller's clock.
 */

/** What TCP sends into the unknown: ten segments of a usual Ethernet (RFC 6928). */
export const INITIAL_WINDOW = 14_600;
/** The largest receive window that Linux grows to by default (net.ipv4.tcp_rmem). */
export const LARGEST_WINDOW = 6 * 1024 * 1024;
/** Quiet for so long, a connection begins anew (Linux: tcp_slow_start_after_idle, after one retransmission time-out). */
const IDLE_MS = 200;

/** One direction of the link, shared by all connections. */
export class Link {
  readonly #bytesPerMs: number;
  #free = 0;

  constructor(bitsPerSecond: number) {
    this.#bytesPerMs = bitsPerSecond / 8 / 1000;
  }

  /** When the last of `bytes` is on the wire that are ready at `now`: behind all that were there before. */
  departure(now: number, bytes: number): number {
    this.#free = Math.max(this.#free, now) + bytes / this.#bytesPerMs;
    return this.#free;
  }
}

/** One direction of one connection: slow start up to the largest window. */
export class Flow {
  #window = INITIAL_WINDOW;
  #underWay = 0;
  #quietSince: number;

  constructor(now: number) {
    this.#quietSince = now;
  }

  /** Bytes that may be sent at `now`. */
  room(now: number): number {
    if (this.#underWay === 0 && now - this.#quietSince > IDLE_MS) this.#window = INITIAL_WINDOW;
    return this.#window - this.#underWay;
  }

  sent(bytes: number): void {
    this.#underWay += bytes;
  }

  acknowledged(now: number, bytes: number): void {
    this.#underWay -= bytes;
    this.#window = Math.min(LARGEST_WINDOW, this.#window + bytes);
    this.#quietSince = now;
  }
}
