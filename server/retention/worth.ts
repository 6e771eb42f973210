/**
 * Which entries go first where there are too many: least recently used, weighted by the seconds that an entry saves. Those are its
 * writer's claim, so they are capped: they make an entry last a few times as long, and no longer.
 */

export interface Candidate {
  /** Name of the manifest's object, and the version that was listed. */
  object: string;
  etag: string;
  /** Milliseconds since 1970 by the store's clock. */
  lastUse: number;
  stored: number;
  seconds: number;
}

/** A command that took ten minutes or more has the full weight. */
const FULL_SECONDS = 600;
/** An entry of full weight counts as used that much more recently. */
const MOST_WEIGHT = 4;

/** How long it has not been used, as it counts: the longest goes first. */
export function idleness({ lastUse, seconds }: Candidate, now: number): number {
  const claimed = Math.min(Math.max(seconds, 0), FULL_SECONDS) / FULL_SECONDS;
  return (now - lastUse) / (1 + claimed * (MOST_WEIGHT - 1));
}

/** Those that have to go so that the rest takes at most `bytes`, the idlest first. */
export function tooMany(candidates: readonly Candidate[], bytes: number, now: number): Candidate[] {
  let total = candidates.reduce((sum, { stored }) => sum + stored, 0);
  if (total <= bytes) return [];
  const idlest = [...candidates].sort((a, b) => idleness(b, now) - idleness(a, now));
  const leaving: Candidate[] = [];
  for (const candidate of idlest) {
    if (total <= bytes) break;
    leaving.push(candidate);
    total -= candidate.stored;
  }
  return leaving;
}

/**
 * What each of these sizes may keep so that all together keep at most `bytes`: the largest give way first, and none that is
 * below an equal share loses anything. So nobody can drive out another's entries by adding his own.
 */
export function fairShare(sizes: readonly number[], bytes: number): number {
  const ascending = [...sizes].sort((a, b) => a - b);
  let left = bytes;
  for (const [at, size] of ascending.entries()) {
    const share = left / (ascending.length - at);
    if (size > share) return share;
    left -= size;
  }
  return Number.POSITIVE_INFINITY;
}
