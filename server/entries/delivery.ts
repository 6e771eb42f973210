/**
 * Ways of a segment's bytes to a runner past this process: from the bucket, by a URL that ends, or by the web server in front of us,
 * which hands a file out itself. An archive is made of many segments and has no such way; a runner that is told so reads its
 * segments one by one.
 */
import { segmentObject } from '#protocol/format/object-name.ts';
import type { SegmentRow } from '../index/entry-index.ts';
import type { ObjectStore } from '../store/object-store.ts';

export const DELIVERIES = ['proxy', 'redirect', 'accel', 'auto'] as const;
/**
 * `proxy`: through this process. `redirect`: from the bucket. `accel`: by the web server, where it says that it can. `auto`: what is near, by
 * the web server or through this process; what is not, from the bucket, while it is brought near for the next reader.
 */
export type Delivery = (typeof DELIVERIES)[number];

export type Direct =
  /** `etag`: of the version that is meant. */
  | { way: 'redirect'; url: string; etag: string | undefined }
  /** `file`: absolute path. */
  | { way: 'accel'; file: string };

/** A URL is asked for when its segment's turn has come, so it need not live long. */
const URL_SECONDS = 600;
/** Segments that are brought near at once, because they were read past us. */
const APPROACHING = 4;

export class Deliveries {
  readonly #store: ObjectStore;
  readonly #delivery: Delivery;
  /** Whether files are as good as the store says, without being looked at first. */
  readonly #sure: () => boolean;
  #approaching = 0;

  constructor(store: ObjectStore, delivery: Delivery, sure: () => boolean) {
    this.#store = store;
    this.#delivery = delivery;
    this.#sure = sure;
  }

  /** What a reader of segments is to be told beforehand; `accel`: whether the web server in front can hand files out. */
  announced(accel: boolean): Direct['way'] | undefined {
    switch (this.#delivery) {
      case 'proxy':
        return undefined;
      case 'redirect':
        return 'redirect';
      case 'accel':
        return accel ? 'accel' : undefined;
      case 'auto':
        if (this.#store.presign !== undefined) return 'redirect';
        return accel ? 'accel' : undefined;
    }
  }

  /** Undefined: through this process. */
  async of(
    domain: string,
    { identity, length, etag }: SegmentRow,
    accel: boolean,
  ): Promise<Direct | undefined> {
    const way = this.announced(accel);
    if (way === undefined) return undefined;
    const name = segmentObject(domain, identity);
    if (this.#delivery !== 'redirect') {
      const file = this.#sure() ? await this.#store.file?.(name, etag) : undefined;
      if (file !== undefined) return accel ? { way: 'accel', file } : undefined;
    }
    if (way === 'accel') return undefined;
    const presigned = await this.#store.presign?.(name, { seconds: URL_SECONDS });
    if (presigned === undefined) return undefined;
    if (this.#delivery === 'auto') this.#approach(name, length, etag);
    return { way: 'redirect', url: presigned.url, etag };
  }

  /** A read of it, of which nobody takes the bytes. */
  #approach(name: string, size: number, etag: string | undefined): void {
    if (etag === undefined || this.#approaching >= APPROACHING) return;
    this.#approaching += 1;
    this.#store
      .read(name, 0, 1, { ifMatch: etag, size })
      .then((found) => typeof found === 'object' && found.destroy())
      .catch(() => undefined)
      .finally(() => {
        this.#approaching -= 1;
      });
  }
}

/** Where the web server has a file: its own path of `root`, an absolute path here. Undefined for a file elsewhere. */
export function accelPath(prefix: string, root: string, file: string): string | undefined {
  if (!file.startsWith(`${root}/`)) return undefined;
  return (
    prefix +
    file
      .slice(root.length + 1)
      .split('/')
      .map(encodeURIComponent)
      .join('/')
  );
}
