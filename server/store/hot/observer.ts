/** What the hot tier tells, for figures and the log. */
export interface HotObserver {
  /** A run of a segment, and where its bytes came from: those that are moved here first count as the bucket's. */
  served(from: 'memory' | 'disk' | 'bucket', bytes: number): void;
  /** A whole segment was fetched from the bucket. */
  moved(bytes: number): void;
  /** It was not taken in: damaged in the bucket, or too much is being written. */
  refused(why: 'damaged' | 'busy'): void;
  evicted(bytes: number): void;
  /** A copy on disk was not what was written there. */
  badCopy(name: string): void;
  /** The disk cannot be used; the bucket answers alone from now on. */
  off(error: Error): void;
}
