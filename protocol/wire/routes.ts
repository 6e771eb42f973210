/**
 * The wire's shapes, shared by server and client: TypeBox schemas and the types they stand for. All routes are below
 * `/api/v1`; forms that scripts build on are in docs/interfaces (the server's /docs page lists them all).
 */
import { type Static, Type } from 'typebox';
import { LIMITS } from '../format/limits.ts';

const DigestText = Type.String({ pattern: '^[0-9a-f]{64}$' });
const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const RootText = Type.String({ minLength: 1, maxLength: LIMITS.pathBytes });
const KeyText = Type.String({ minLength: 1, maxLength: 2048 });
const SaveId = Type.String({ pattern: '^[0-9a-zA-Z_-]{1,64}$' });
const EntryId = Type.String({ pattern: '^[0-9a-f]{32}$' });

/** Every native route begins with it. */
export const API = '/api/v1';

/** The body of every error answer; `code` is one of the catalogue (errors.ts). */
export const ErrorBodySchema = Type.Object({
  code: Type.String(),
  message: Type.String(),
  action: Type.String(),
  /** Which part of the request is meant: a JSON pointer into the body, or a parameter's name. */
  field: Type.Optional(Type.String()),
});

export const SegmentRefSchema = Type.Object({
  identity: DigestText,
  raw: Type.Integer({ minimum: 1, maximum: LIMITS.segmentRaw }),
  part: Type.Optional(
    Type.Object({ path: Type.String({ maxLength: LIMITS.pathBytes }), offset: Count, size: Count }),
  ),
});

export const ManifestRootSchema = Type.Object({
  root: RootText,
  restore: Type.Union([Type.Literal('replace'), Type.Literal('merge')]),
  modes: Type.Union([Type.Literal('executable'), Type.Literal('kept')]),
  members: Count,
  raw: Count,
  segments: Type.Array(SegmentRefSchema, { maxItems: LIMITS.segmentsPerEntry }),
});

export const ManifestInputSchema = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 1024 }),
  digest: DigestText,
  detail: Type.Optional(Type.Literal(true)),
});

export const PlatformSchema = Type.Object({
  os: Type.String({ maxLength: 64 }),
  arch: Type.String({ maxLength: 64 }),
  libc: Type.Optional(Type.String({ maxLength: 64 })),
  foldsCase: Type.Boolean(),
});

/** What a writer says of an entry; the rest of a manifest the server knows itself. */
const WRITERS_PART = {
  roots: Type.Array(ManifestRootSchema, { minItems: 1, maxItems: LIMITS.rootsPerEntry }),
  inputs: Type.Array(ManifestInputSchema, { maxItems: 10_000 }),
  times: Type.Optional(DigestText),
  platform: PlatformSchema,
  totals: Type.Object({ members: Count, files: Count, raw: Count }),
  writer: Type.Object({ program: Type.String({ maxLength: 64 }), version: Type.String({ maxLength: 64 }) }),
  timings: Type.Object({
    command: Type.Optional(Type.Number({ minimum: 0 })),
    save: Type.Optional(Type.Number({ minimum: 0 })),
  }),
  command: Type.Optional(Type.Array(Type.String({ maxLength: 4096 }), { maxItems: 256 })),
};

export const ManifestSchema = Type.Object({
  format: Type.Integer({ minimum: 1 }),
  kind: Type.String({ pattern: '^[a-z][a-z0-9-]{0,31}$' }),
  name: Type.String({ minLength: 1, maxLength: 512 }),
  key: KeyText,
  domain: Type.String({ minLength: 1, maxLength: 256 }),
  scope: Type.String({ minLength: 1, maxLength: 1024 }),
  ...WRITERS_PART,
  created: Type.String({ maxLength: 64 }),
});

export const SignatureSchema = Type.Object({
  key: Type.String({ maxLength: 128 }),
  value: Type.String({ maxLength: 256 }),
});

export const LayoutSchema = Type.Object({
  segments: Type.Array(
    Type.Object({
      identity: DigestText,
      object: Type.Optional(Type.String({ maxLength: 4096 })),
      offset: Type.Optional(Count),
      length: Type.Integer({ minimum: 1, maximum: LIMITS.segmentStored }),
      digest: DigestText,
      etag: Type.Optional(Type.String({ maxLength: 256 })),
    }),
    { maxItems: LIMITS.segmentsPerEntry },
  ),
});

/**
 * POST lookup. `keys[0]` is the exact key; the others are prefixes, tried in order, newest entry first. A key of the kind
 * maven stands for the newest of its generations.
 *
 * With the header `Accept-Inline: <bytes>` the answer has inline bytes behind its JSON (inline.ts); a result's `inline` says which
 * of them are the first bytes of its archive.
 */
export const WantSchema = Type.Object({
  kind: Type.Optional(Type.String({ pattern: '^[a-z][a-z0-9-]{0,31}$' })),
  keys: Type.Array(KeyText, { minItems: 1, maxItems: LIMITS.keysPerWant }),
  roots: Type.Array(RootText, { maxItems: LIMITS.rootsPerEntry }),
  /** The place of an earlier want: where that is found exactly, this one is not needed and not looked for. */
  unless: Type.Optional(Type.Integer({ minimum: 0, maximum: LIMITS.wantsPerLookup - 1 })),
});
export const LookupRequestSchema = Type.Object({
  wants: Type.Array(WantSchema, { minItems: 1, maxItems: LIMITS.wantsPerLookup }),
});
export const LookupResultSchema = Type.Object({
  hit: Type.Union([Type.Literal('exact'), Type.Literal('near'), Type.Literal('none')]),
  entry: Type.Optional(EntryId),
  manifest: Type.Optional(ManifestSchema),
  signature: Type.Optional(SignatureSchema),
  layout: Type.Optional(LayoutSchema),
  inline: Type.Optional(Type.Object({ offset: Count, length: Count })),
  /** The packed times, among the inline bytes too. */
  times: Type.Optional(Type.Object({ offset: Count, length: Count })),
  /**
   * Its segments are to be read one by one (GET segments/<identity>): they come past the server, by a 307 to the bucket or from the web
   * server in front. What `redirect` brings must be held against the identity itself.
   */
  delivery: Type.Optional(Type.Union([Type.Literal('redirect'), Type.Literal('accel')])),
  /** Why there is no exact hit, as a person reads it. */
  reason: Type.Optional(Type.String()),
});
export const LookupAnswerSchema = Type.Object({ results: Type.Array(LookupResultSchema) });

/** POST saves. `exists` is the entry that already has this key and these roots: the first save wins, nothing need be sent. */
export const OpenSaveRequestSchema = Type.Object({
  kind: Type.String({ pattern: '^[a-z][a-z0-9-]{0,31}$' }),
  name: Type.String({ minLength: 1, maxLength: 512 }),
  key: KeyText,
  roots: Type.Array(RootText, { minItems: 1, maxItems: LIMITS.rootsPerEntry }),
  replace: Type.Optional(Type.Boolean()),
});
export const OpenSaveAnswerSchema = Type.Object({
  save: SaveId,
  expires: Type.String(),
  exists: Type.Optional(EntryId),
});

/** POST saves/<id>/lack: which of these does the store not have? What it has is kept for this save. */
export const LackRequestSchema = Type.Object({
  identities: Type.Array(DigestText, { minItems: 1, maxItems: LIMITS.identitiesPerRequest }),
});
export const LackAnswerSchema = Type.Object({ lack: Type.Array(DigestText) });

/** Answer of POST segments/write (see batch.ts for the body) in the order of the frames. */
export const WriteAnswerSchema = Type.Object({
  results: Type.Array(
    Type.Object({
      identity: Type.String(),
      status: Type.Union([Type.Literal('stored'), Type.Literal('had'), Type.Literal('refused')]),
      code: Type.Optional(Type.String()),
      message: Type.Optional(Type.String()),
    }),
  ),
});

/**
 * POST segments/read: the answer's body is frames (see batch.ts) in this order; an empty one for what is not there. `entry` is
 * the one that they are read for: who is not trusted reads what is in that.
 */
export const ReadRequestSchema = Type.Object({
  identities: Type.Array(DigestText, { minItems: 1, maxItems: LIMITS.identitiesPerRequest }),
  entry: Type.Optional(EntryId),
});

/** POST saves/<id>/commit: everything of the manifest that the server does not know itself. Details are PUT before. */
export const CommitRequestSchema = Type.Object(WRITERS_PART);
export const CommitAnswerSchema = Type.Object({
  entry: EntryId,
  /** `committed`, or `same` where the key already held this content. Other content is answered 409 with `winner`. */
  outcome: Type.Union([Type.Literal('committed'), Type.Literal('same')]),
  manifest: ManifestSchema,
  signature: SignatureSchema,
});
/** The 409 (`ENTRY_EXISTS`) of a commit whose key holds other content: the error, and the entry that was first. */
export const CommitConflictSchema = Type.Object({
  ...ErrorBodySchema.properties,
  winner: Type.Object({ entry: EntryId, manifest: ManifestSchema, signature: SignatureSchema }),
});

/**
 * POST segments/<identity>/suspect, `{entry}`: the reader found it damaged. The server verifies before it answers; if it
 * finds so too (or the segment has gone), every segment of that entry is verified, bad ones are quarantined and the
 * entry is retired: `retired` names it.
 */
export const SuspectRequestSchema = Type.Object({ entry: Type.Optional(EntryId) });
export const SuspectAnswerSchema = Type.Object({ confirmed: Type.Boolean(), retired: Type.Array(EntryId) });

/** Answer of PUT segments/<identity> and PUT details/<digest>: 201 `stored`, 200 `had`. */
export const PutAnswerSchema = Type.Object({
  status: Type.Union([Type.Literal('stored'), Type.Literal('had')]),
});

/** DELETE entries/<id> */
export const RemoveAnswerSchema = Type.Object({ removed: EntryId });
/** POST events */
export const EventsAnswerSchema = Type.Object({ accepted: Count });

/** POST events: what a runner did, one object a command. All figures are the runner's own claim. */
export const EventSchema = Type.Object({
  command: Type.Union([Type.Literal('run'), Type.Literal('restore'), Type.Literal('save')]),
  kind: Type.String({ maxLength: 32 }),
  name: Type.Optional(Type.String({ maxLength: 512 })),
  key: Type.String({ maxLength: 2048 }),
  hit: Type.Union([Type.Literal('exact'), Type.Literal('near'), Type.Literal('none')]),
  reason: Type.Optional(Type.String({ maxLength: 2000 })),
  skipped: Type.Boolean(),
  /** Of a hit that was looked into (`--verify-sample`). */
  verified: Type.Optional(Type.Union([Type.Literal('right'), Type.Literal('wrong')])),
  bytes: Type.Object({ down: Count, up: Count, reused: Count }),
  seconds: Type.Object({
    lookup: Type.Number({ minimum: 0 }),
    restore: Type.Number({ minimum: 0 }),
    command: Type.Number({ minimum: 0 }),
    save: Type.Number({ minimum: 0 }),
    /** What the entry's writer measured for the command, minus what this run took; 0 for a miss. */
    saved: Type.Number({ minimum: 0 }),
  }),
});
export const EventsRequestSchema = Type.Object({
  events: Type.Array(EventSchema, { minItems: 1, maxItems: 100 }),
});

/** GET stats. */
export const StatsSchema = Type.Object({
  since: Type.Optional(Type.String()),
  runs: Count,
  hits: Type.Object({ exact: Count, near: Count, none: Count }),
  /** exact over all, 0 to 1 */
  hitRate: Type.Number(),
  skipped: Count,
  /** Hits that were looked into, and how many of them were wrong. */
  verified: Type.Object({ right: Count, wrong: Count }),
  bytes: Type.Object({ down: Count, up: Count, reused: Count }),
  secondsSaved: Type.Number(),
  entries: Count,
  storedBytes: Count,
  kinds: Type.Array(
    Type.Object({
      kind: Type.String(),
      runs: Count,
      exact: Count,
      near: Count,
      none: Count,
      secondsSaved: Type.Number(),
    }),
  ),
  costliestMisses: Type.Array(
    Type.Object({
      kind: Type.String(),
      name: Type.String(),
      reason: Type.String(),
      count: Count,
      seconds: Type.Number(),
    }),
  ),
});

/**
 * GET entries?kind=&prefix=&ref=&limit=: newest first; `prefix` is one of whole keys, `ref` a ref in full. At most 1,000, 100 if not
 * said.
 */
export const EntriesQuerySchema = Type.Object({
  kind: Type.Optional(Type.String({ pattern: '^[a-z][a-z0-9-]{0,31}$' })),
  prefix: Type.Optional(KeyText),
  ref: Type.Optional(Type.String({ minLength: 1, maxLength: LIMITS.refBytes })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
});

export const EntrySummarySchema = Type.Object({
  entry: EntryId,
  kind: Type.String(),
  name: Type.String(),
  key: Type.String(),
  scope: Type.String(),
  roots: Type.Array(Type.String()),
  raw: Count,
  stored: Count,
  segments: Count,
  created: Type.String(),
});
export const EntriesAnswerSchema = Type.Object({ entries: Type.Array(EntrySummarySchema) });
/** GET entries/<id> */
export const EntryAnswerSchema = Type.Object({
  entry: EntryId,
  manifest: ManifestSchema,
  signature: SignatureSchema,
  layout: LayoutSchema,
});

const TierText = Type.Union([Type.Literal('trusted'), Type.Literal('untrusted'), Type.Literal('read-only')]);
const RefPatterns = Type.Array(Type.String({ maxLength: 2 * LIMITS.refBytes }), { maxItems: 32 });

/** GET whoami: the grant of the credential that asked, for the refs that the request named. */
export const WhoamiSchema = Type.Object({
  domain: Type.String(),
  project: Type.String(),
  tier: TierText,
  /** The request's own ref, and the patterns of those that may be written. Without credentials there are none. */
  ref: Type.Optional(Type.String()),
  writes: Type.Optional(RefPatterns),
  /** The scope that this request may write; absent where it may write none. */
  scope: Type.Optional(Type.String()),
  reads: Type.Array(Type.String()),
  server: Type.Object({ version: Type.String(), format: Type.Integer() }),
});

/** POST admin/jobs: has a job done now, and not when it is due. For an administrator. */
export const ADMIN_JOBS = ['reindex', 'sweep', 'evict', 'scrub'] as const;
export const AdminJobRequestSchema = Type.Object({
  job: Type.Union(ADMIN_JOBS.map((job) => Type.Literal(job))),
});
/** `known`: it waits or runs already. `full`, `unreachable`: the queue cannot take it now. */
export const AdminJobAnswerSchema = Type.Object({
  status: Type.Union([
    Type.Literal('added'),
    Type.Literal('known'),
    Type.Literal('full'),
    Type.Literal('unreachable'),
  ]),
});

/** POST sessions: the session's text, and how long it counts. */
export const SessionAnswerSchema = Type.Object({ session: Type.String(), seconds: Count });

/**
 * POST admin/tokens: makes a static token. `writes` are patterns of refs (`refs/heads/*`), `expiresIn` seconds. Without them it
 * writes what its tier usually does, and does not expire.
 */
export const AdminTokenRequestSchema = Type.Object({
  project: Type.String({ minLength: 1, maxLength: 100 }),
  domain: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
  tier: TierText,
  writes: Type.Optional(RefPatterns),
  expiresIn: Type.Optional(Type.Integer({ minimum: 1, maximum: 10 * 366 * 24 * 60 * 60 })),
});
/** What is known of one: everything but its secret. */
export const AdminTokenSchema = Type.Object({
  id: Type.String(),
  domain: Type.String(),
  project: Type.String(),
  tier: TierText,
  writes: RefPatterns,
  created: Type.String(),
  expires: Type.Optional(Type.String()),
});
export const AdminTokenAnswerSchema = Type.Object({ ...AdminTokenSchema.properties, token: Type.String() });
/** GET admin/tokens */
export const AdminTokensAnswerSchema = Type.Object({ tokens: Type.Array(AdminTokenSchema) });
/** DELETE admin/tokens/<id> */
export const AdminTokenParamsSchema = Type.Object({ token: Type.String({ pattern: '^[0-9a-f]{16}$' }) });
export const RevokeAnswerSchema = Type.Object({ revoked: Type.String() });

/** Parameters in paths. */
export const IdentityParamsSchema = Type.Object({ identity: DigestText });
export const DigestParamsSchema = Type.Object({ digest: DigestText });
export const SaveParamsSchema = Type.Object({ save: SaveId });
export const EntryParamsSchema = Type.Object({ entry: EntryId });
/** GET segments/<identity>?entry=, GET details/<digest>?entry=: the entry that it is read for; as in ReadRequestSchema. */
export const ForEntryQuerySchema = Type.Object({ entry: Type.Optional(EntryId) });
/**
 * PUT segments/<identity>?save=, POST segments/write?save=, PUT details/<digest>?save=: the save that it is sent for. Who is not
 * trusted must say so: a commit takes from them what they have sent for it, and what they were told to be there.
 */
export const ForSaveQuerySchema = Type.Object({ save: Type.Optional(SaveId) });
/** GET entries/<id>/archive?anchor=: only the roots of that anchor, for readers that unpack with tar. */
export const ArchiveQuerySchema = Type.Object({
  anchor: Type.Optional(Type.Union([Type.Literal('workspace'), Type.Literal('home'), Type.Literal('abs')])),
});

export type Want = Static<typeof WantSchema>;
export type OpenSaveRequest = Static<typeof OpenSaveRequestSchema>;
export type OpenSaveAnswer = Static<typeof OpenSaveAnswerSchema>;
export type WriteAnswer = Static<typeof WriteAnswerSchema>;
export type ReadRequest = Static<typeof ReadRequestSchema>;
export type CommitRequest = Static<typeof CommitRequestSchema>;
export type CommitAnswer = Static<typeof CommitAnswerSchema>;
export type SuspectAnswer = Static<typeof SuspectAnswerSchema>;
export type CacheEvent = Static<typeof EventSchema>;
export type Stats = Static<typeof StatsSchema>;
export type EntrySummary = Static<typeof EntrySummarySchema>;
export type EntryAnswer = Static<typeof EntryAnswerSchema>;
export type AdminJob = (typeof ADMIN_JOBS)[number];
export type AdminJobAnswer = Static<typeof AdminJobAnswerSchema>;
export type SessionAnswer = Static<typeof SessionAnswerSchema>;
export type AdminToken = Static<typeof AdminTokenSchema>;
export type AdminTokenRequest = Static<typeof AdminTokenRequestSchema>;
export type AdminTokenAnswer = Static<typeof AdminTokenAnswerSchema>;
export type Whoami = Static<typeof WhoamiSchema>;
