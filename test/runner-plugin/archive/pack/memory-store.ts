/** Where the tests' segments go: a sink that keeps what it is sent, counts, and gives the archive of what was packed. */
import { archiveEnd, verifyStored } from '#protocol/format/frame.ts';
import type { Digest, ManifestRoot } from '#protocol/format/manifest.ts';
import type { SegmentSink } from '#runner-plugin/archive/pack.ts';

export class MemoryStore implements SegmentSink {
  stored = new Map<Digest, Buffer>();
  /** Each question, as it was asked. */
  readonly asked: Digest[][] = [];
  readonly sent: Digest[] = [];

  async lack(identities: Digest[]): Promise<Set<Digest>> {
    this.asked.push(identities);
    return new Set(identities.filter((identity) => !this.stored.has(identity)));
  }

  async send({ identity, bytes }: { identity: Digest; bytes: Buffer }): Promise<void> {
    if (verifyStored(bytes).identity !== identity) throw new Error('sent under another identity');
    this.sent.push(identity);
    // The memory is the packer's own again when this resolves.
    this.stored.set(identity, Buffer.from(bytes));
  }

  /** A plain .tar.zst of these roots. */
  archive(roots: readonly ManifestRoot[]): Buffer {
    const segments = roots.flatMap((root) => root.segments);
    return Buffer.concat([...segments.map(({ identity }) => this.#get(identity)), archiveEnd()]);
  }

  /** The roots' tar stream, from segments that are verified. */
  stream(roots: readonly ManifestRoot[]): Buffer {
    const segments = roots.flatMap((root) => root.segments);
    return Buffer.concat(
      segments.map(({ identity, raw }) => {
        const content = Buffer.alloc(raw);
        if (verifyStored(this.#get(identity), content).raw !== raw) throw new Error('another size');
        return content;
      }),
    );
  }

  #get(identity: Digest): Buffer {
    const stored = this.stored.get(identity);
    if (stored === undefined) throw new Error(`${identity} was never sent`);
    return stored;
  }
}
