/**
 * The manifest: the signed, immutable record of an entry. Nothing in it says how or where bytes are stored
 * (that is the layout), so it stays true when objects are rewritten, moved or packed.
 */

/** A sha256 in lower-case hexadecimal, 64 characters. */
export type Digest = string;

/** A run of the canonical tar stream. Identity is the sha256 of its raw bytes; `raw` their count. */
export interface SegmentRef {
  identity: Digest;
  raw: number;
  /**
   * Present where the segment holds only content of one large file: `offset` of its first byte in that file, `size` of
   * the whole file (as its header says), `path` the member's name. The last part also holds the padding to 512.
   */
  part?: { path: string; offset: number; size: number };
}

/** `executable`: 0755 or 0644, then the umask at restore. `kept`: the mode masked to 0777, set without regard to the umask. */
export type ModeRule = 'executable' | 'kept';
/** `replace`: the tree becomes exactly the entry's. `merge`: what is missing is added, what is there stays. */
export type RestoreRule = 'replace' | 'merge';

export interface ManifestRoot {
  /** `<anchor>:<path>` */
  root: string;
  restore: RestoreRule;
  modes: ModeRule;
  /** Members of this root in the stream: directories, files and links. */
  members: number;
  /** Bytes of this root's tar stream; the sum of its segments. */
  raw: number;
  segments: SegmentRef[];
}

/** One named input of a fingerprint. `detail` says that its sorted lines are stored under the same digest. */
export interface ManifestInput {
  name: string;
  digest: Digest;
  detail?: true;
}

export interface Platform {
  /** As process.platform says. */
  os: string;
  /** As process.arch says. */
  arch: string;
  /** `glibc-2.36`, `musl-1.2.5`, or absent where there is neither. */
  libc?: string;
  /** Whether the file system that the tree came from takes `A` and `a` for one name. */
  foldsCase: boolean;
}

export interface Manifest {
  format: number;
  kind: string;
  name: string;
  key: string;
  domain: string;
  scope: string;
  roots: ManifestRoot[];
  inputs: ManifestInput[];
  /** Digest of the packed times, stored among the details; absent for kinds whose times are derived. */
  times?: Digest;
  platform: Platform;
  totals: { members: number; files: number; raw: number };
  writer: { program: string; version: string };
  /** Seconds: what the command that made the tree took, as far as the writer knows. The writer's claim. */
  timings: { command?: number; save?: number };
  /** The command that was cached, as the writer gave it, without values of settings that may be secret. */
  command?: string[];
  /** ISO 8601, by the store's clock. */
  created: string;
}

/** ed25519 over the manifest's RFC 8785 bytes; both values base64url. `key` is the signing key's id. */
export interface Signature {
  key: string;
  value: string;
}

/** What is stored under the entry's name, and what a look-up returns. */
export interface SignedManifest {
  manifest: Manifest;
  signature: Signature;
}
