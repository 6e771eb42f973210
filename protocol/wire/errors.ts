/**
 * The one catalogue of errors. Each says what happened, to what, and what to do about it; docs/errors.md is made from it.
 * A code is `AREA_WHAT` and never changes its meaning once released.
 */
// biome-ignore-all format: one line a code, so that the catalogue reads as the table that it is

/** sysexits(3), as interfaces.md assigns them; used under --strict, and by commands whose own input is bad. */
export const EXIT = { usage: 64, input: 65, unavailable: 69, io: 74, tryAgain: 75, refused: 77 } as const;
export type Exit = (typeof EXIT)[keyof typeof EXIT];

interface Entry {
  /** HTTP status where a server answers with it. */
  status: number;
  exit: Exit;
  /** `{name}` is filled from the parameters. */
  message: string;
  action: string;
}

const entry = (status: number, exit: Exit, message: string, action: string): Entry => ({ status, exit, message, action });

export const CATALOGUE = {
  // Roots and keys
  ROOT_UNREADABLE: entry(400, EXIT.usage, 'The root {root} is not of the form anchor:path.', 'Use workspace:, home: or abs: and a normal relative path.'),
  ROOT_FORBIDDEN: entry(400, EXIT.usage, 'The root {root} may not be cached.', 'Name a folder inside it; system folders and the home folder itself are never cached.'),
  ROOTS_NESTED: entry(400, EXIT.usage, 'The root {inner} lies inside the root {outer}.', 'Name only the outer one, or exclude the inner one with a ! pattern.'),
  ROOT_MISSING: entry(400, EXIT.input, 'Nothing is at {path}.', 'Check the path; a save needs at least one that exists.'),
  KEY_UNREADABLE: entry(400, EXIT.usage, 'The key {key} cannot be used: {why}.', 'Use 1 to 512 bytes of UTF-8 without control characters, commas, a leading slash, and parts that are . or ..'),

  // Archives
  ARCHIVE_PATH_ESCAPE: entry(422, EXIT.io, 'The archive names {path}, which leads out of its root.', 'Do not trust this entry; remove it and save again.'),
  ARCHIVE_PATH_REFUSED: entry(422, EXIT.io, 'The path {path} cannot be kept: {why}.', 'Rename or exclude it.'),
  ARCHIVE_NAME_NOT_UTF8: entry(422, EXIT.input, 'The name {path} is not UTF-8.', 'Rename or exclude it; names are kept as UTF-8 so that every runner reads the same.'),
  ARCHIVE_NAME_TOO_LONG: entry(422, EXIT.input, 'The name {path} is too long.', 'A part may have 255 bytes and a path 4,096.'),
  ARCHIVE_DUPLICATE: entry(422, EXIT.io, 'The archive holds {path} twice, or under two spellings that are one name here.', 'Restore on a file system that tells upper from lower case, or save again.'),
  ARCHIVE_MEMBER_REFUSED: entry(422, EXIT.io, 'The archive member {path} is refused: {why}.', 'Only directories, regular files, symbolic and hard links are kept.'),
  ARCHIVE_MALFORMED: entry(422, EXIT.io, 'The archive is malformed: {why}.', 'The entry is reported to the server; the build goes on as after a miss.'),
  ARCHIVE_LIMIT: entry(413, EXIT.io, 'The archive exceeds the limit of {limit}: {what}.', 'Save less at once, or raise the limit at the server.'),
  ARCHIVE_TREE_CHANGED: entry(409, EXIT.tryAgain, 'The file {path} changed while it was being saved.', 'Save after the build has ended; nothing was stored.'),

  // Segments and manifests
  SEGMENT_DAMAGED: entry(422, EXIT.io, 'The segment {identity} is damaged: {why}.', 'It is quarantined and the next save replaces it.'),
  SEGMENT_UNREADABLE: entry(400, EXIT.io, 'The stored bytes of segment {identity} are unreadable: {why}.', 'Send one zstd frame followed by its trailer.'),
  SEGMENT_MISSING: entry(404, EXIT.io, 'The segment {identity} is not there.', 'Send it before the commit.'),
  MANIFEST_UNREADABLE: entry(422, EXIT.io, 'The manifest of {key} is unreadable: {why}.', 'The entry is retired; the next save replaces it.'),
  MANIFEST_UNTRUSTED: entry(422, EXIT.refused, 'The manifest of {key} is not signed by a key that is trusted here.', 'Check CACHALOT_TRUST and the keys that the server publishes.'),
  FORMAT_TOO_NEW: entry(422, EXIT.io, 'The entry {key} has format version {version}, which this program does not know.', 'Update Cachalot here.'),
  LAYOUT_STALE: entry(412, EXIT.tryAgain, 'What is stored for entry {entry} has moved since it was looked up.', 'Ask for the layout again.'),

  // Entries
  ENTRY_MISSING: entry(404, EXIT.io, 'There is no entry {entry}.', 'List what is there with cachalot ls.'),
  ENTRY_EXISTS: entry(409, EXIT.refused, 'The key {key} already holds other content.', 'The first save wins; use another key, or save --replace.'),
  ENTRY_TAKEN_AWAY: entry(404, EXIT.tryAgain, 'The entry of {key} was taken away while it was restored: {why}', 'Nothing was changed here; the next save brings it back.'),
  HIT_WRONG: entry(409, EXIT.io, 'The hit {key} was wrong: {root} is not what the install makes of it.', 'Its entry has been removed. Tell us which inputs the project has that the fingerprint does not name.'),
  ENTRY_TOO_LARGE: entry(413, EXIT.refused, 'The entry has {bytes} bytes, more than the {limit} that are allowed.', 'Save fewer paths, or raise limits.entryBytes at the server.'),
  SAVE_UNKNOWN: entry(404, EXIT.tryAgain, 'There is no open save {save}.', 'Open a new one; a save ends after twelve hours.'),
  SAVE_EXPIRED: entry(409, EXIT.tryAgain, 'The save {save} was opened more than twelve hours ago.', 'Open a new one.'),
  DETAIL_MISSING: entry(404, EXIT.io, 'There is no detail {digest}.', 'The entry that named it has gone.'),

  // Requests
  REQUEST_INVALID: entry(400, EXIT.usage, 'The request is not valid: {why}.', 'See /docs for its form.'),
  REQUEST_UNKNOWN_ROUTE: entry(404, EXIT.usage, 'There is no route {method} {path}.', 'See /docs for the routes.'),
  REQUEST_TOO_LARGE: entry(413, EXIT.refused, 'The body is larger than the {limit} bytes that are allowed here.', 'Send it in parts, or raise the limit at the server.'),
  REQUEST_LENGTH_REQUIRED: entry(411, EXIT.usage, 'The body has neither a length nor chunks.', 'Send Content-Length or Transfer-Encoding: chunked.'),
  REQUEST_HEADERS_TOO_LARGE: entry(431, EXIT.usage, 'The headers of the request are larger than is allowed.', 'Send fewer and shorter headers.'),
  REQUEST_TIMEOUT: entry(408, EXIT.tryAgain, 'The request did not arrive in time: {what}.', 'Try again; look at the link if it happens often.'),
  REQUEST_HOST_REFUSED: entry(403, EXIT.refused, 'A server without credentials answers under loopback names only, not under {host}.', 'Ask for it as 127.0.0.1 or localhost; a page in a browser must not reach it under a name of its own.'),
  REQUEST_RANGE: entry(416, EXIT.usage, 'The range {range} cannot be served.', 'Ask for bytes inside the archive.'),
  REQUEST_REFUSED: entry(403, EXIT.refused, 'This credential may not {what}.', 'cachalot whoami shows what it may.'),
  REF_REFUSED: entry(403, EXIT.refused, 'This credential may not {what} here: {why}.', 'Name a ref that it may write in Cachalot-Ref (CACHALOT_REF for the program); cachalot whoami shows them.'),
  CREDENTIAL_REQUIRED: entry(401, EXIT.refused, 'A credential is needed: {why}.', 'Set CACHALOT_TOKEN or CACHALOT_TOKEN_FILE; an administrator makes a token with cachalot admin token create.'),
  CREDENTIAL_REFUSED: entry(401, EXIT.refused, 'The credential is refused: {why}.', 'Check CACHALOT_TOKEN and CACHALOT_TOKEN_FILE; an administrator sees what there is with cachalot admin token list.'),
  CREDENTIAL_UNAVAILABLE: entry(401, EXIT.refused, 'No credential is to be had from {source}: {why}.', 'Give the job the permission id-token: write, or set CACHALOT_TOKEN.'),
  TOKEN_MISSING: entry(404, EXIT.refused, 'There is no token {token}.', 'List what is there with cachalot admin token list.'),
  ADMIN_REQUIRED: entry(401, EXIT.refused, 'This is for an administrator.', 'Give the token of admin.token, or of the file admin-token in the data folder of the server, as a bearer token or as the password.'),

  // Server
  SERVER_INTERNAL: entry(500, EXIT.unavailable, 'The server failed: {why}.', 'Its log has the request {request}.'),
  SERVER_DRAINING: entry(503, EXIT.tryAgain, 'The server is stopping.', 'Try again at once; another replica, or this one restarted, will answer.'),
  SERVER_BUSY: entry(503, EXIT.tryAgain, 'The server has too much to do: {what}.', 'Try again after the seconds in Retry-After.'),
  SERVER_DATA_IN_USE: entry(503, EXIT.tryAgain, 'The data folder {path} is in use by another server{which}.', 'Stop that one, or give this one a folder of its own with --data.'),
  SERVER_ADDRESS: entry(503, EXIT.unavailable, 'The server cannot listen on {host} port {port}: {why}.', 'Give another port with --port (0 takes a free one), or stop what listens there.'),
  SERVER_EXPOSED: entry(403, EXIT.refused, 'The server would answer anybody on {host}: auth.required is not set.', 'Leave --host out so that it listens on the loopback alone; or set auth.required (CACHALOT_SERVER_AUTH_REQUIRED=true), make a token for each project with cachalot admin token create (the token of the administrator is in the file admin-token in the data folder), and put a proxy in front that speaks TLS.'),
  STORE_FULL: entry(507, EXIT.unavailable, 'The store has no room: {why}.', 'Free space, or lower the quotas.'),
  STORE_FAILED: entry(503, EXIT.unavailable, 'The object store failed: {why}.', 'Look at the store; nothing that was committed is lost.'),
  STORE_BUCKET_MISSING: entry(503, EXIT.unavailable, 'There is no bucket {bucket} at {endpoint}.', 'Create it, or correct s3.bucket or s3.endpoint.'),
  STORE_REGION_WRONG: entry(503, EXIT.unavailable, 'The bucket {bucket} is not in the region {region}: {why}.', 'Set s3.region to the region of the bucket.'),
  STORE_CREDENTIALS: entry(503, EXIT.unavailable, 'The object store does not know the credentials of the server: {why}.', 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile or a role, as docs/operations.md says.'),
  STORE_REFUSED: entry(503, EXIT.unavailable, 'The object store refuses {permission} in the bucket {bucket}: {why}.', 'Permit it to the credentials of the server; docs/operations.md has the whole policy for s3.bucket and s3.prefix.'),
  STORE_CLOCK: entry(503, EXIT.unavailable, 'The clock of the server and that of the object store are too far apart: {why}.', 'Set the clock of the machine, for example by NTP.'),
  STORE_KEY_REFUSED: entry(503, EXIT.unavailable, 'The object store cannot encrypt as s3.encryption and s3.encryptionKey say: {why}.', 'Correct them, and permit kms:GenerateDataKey and kms:Decrypt for the key.'),
  STORE_NOT_ATOMIC: entry(503, EXIT.unavailable, 'In the bucket {bucket} several writers may create one object: {why}.', 'Use a store that is atomic under If-None-Match, or set s3.conditionalWrites to probed, so that the index arbitrates.'),
  OBJECT_NAME_REFUSED: entry(400, EXIT.usage, 'The object name {name} cannot be used: {why}.', 'Use the names of protocol/format/object-name.ts.'),
  INDEX_FAILED: entry(503, EXIT.unavailable, 'The index failed: {why}.', 'Nothing is lost: it is rebuilt from the object store when the server starts.'),
  REDIS_REFUSED: entry(503, EXIT.usage, 'The Redis at {address} (setting redis.url) cannot be used: {why}.', 'Correct it where it says, then start the server again; docs/operations.md has the whole list.'),
  QUEUE_FAILED: entry(503, EXIT.unavailable, 'The job queue failed: {why}.', 'Jobs wait for it; requests are answered without them.'),
  EVENTS_FAILED: entry(503, EXIT.unavailable, 'The event log failed: {why}.', 'Figures of this time are lost; no build waits for them.'),

  // The runner's side
  CLIENT_UNAVAILABLE: entry(503, EXIT.unavailable, 'The cache server at {url} cannot be used: {why}.', 'The build goes on without the cache; cachalot doctor shows more.'),
  CLIENT_TIMEOUT: entry(504, EXIT.unavailable, 'The cache server at {url} did not answer in time: {what}.', 'The build goes on without the cache; raise CACHALOT_BUDGET_* if the link is slow.'),
  CLIENT_BREAKER_OPEN: entry(503, EXIT.unavailable, 'The cache server at {url} failed {seconds} s ago and is left alone for a minute.', 'The build goes on without the cache; cachalot doctor tries it now.'),
  CLIENT_INTERNAL: entry(
    500,
    EXIT.unavailable,
    'Cachalot itself failed: {why}.',
    'The build goes on without the cache; please report this.',
  ),
  CLIENT_ANSWER_UNREADABLE: entry(502, EXIT.unavailable, 'The answer of {url} is not one of a Cachalot server: {why}.', 'Check CACHALOT_URL and any proxy between.'),
  TARGET_UNWRITABLE: entry(500, EXIT.io, 'The target {path} cannot be written: {why}.', 'Check its owner and mode; what was there has been left as it was.'),
  DISK_FULL: entry(507, EXIT.io, 'There is no room at {path}.', 'Free space; what was there has been left as it was.'),
  LOCKFILE_UNREADABLE: entry(422, EXIT.input, 'The lockfile {path} cannot be read: {why}.', 'Repair it; the build runs without the cache.'),
  POM_UNREADABLE: entry(422, EXIT.input, 'The POM {path} cannot be read: {why}.', 'Repair it; the build runs without the cache.'),
  INPUT_UNREADABLE: entry(422, EXIT.input, 'The file {path} cannot be read: {why}.', 'Repair it; the build runs without the cache.'),
  KIND_UNDETECTED: entry(422, EXIT.input, 'Nothing at {path} can be fingerprinted.', 'Name a kind with --kind, or paths with --path and a key with --key.'),
  COMMAND_FAILED: entry(500, EXIT.io, 'The command {command} failed: {why}.', 'Its own output above says more.'),
  SETTING_INVALID: entry(400, EXIT.usage, 'The setting {setting} has the value {value}, which is not usable: {why}.', 'Correct it where it is set.'),
  USAGE: entry(400, EXIT.usage, '{why}', 'See cachalot --help.'),
} as const satisfies Record<string, Entry>;

export type ErrorCode = keyof typeof CATALOGUE;
export type ErrorParams = Record<string, string | number>;

/** The body of every error answer. */
export interface ErrorBody {
  code: ErrorCode;
  message: string;
  action: string;
  field?: string;
}

export interface FaultOptions {
  cause?: unknown;
  /** The part of the request or setting that is at fault. */
  field?: string;
  /** The message of an answer, in place of the catalogue's: the parameters stayed with who sent it. */
  said?: string;
}

/**
 * On every error of the catalogue. The program's two bundles hold a copy of its class each, and where one starts the other (`serve`) it meets
 * errors of the other's.
 */
const MARK = Symbol.for('cachalot.error');

export class CachalotError extends Error {
  override readonly name = 'CachalotError';
  readonly [MARK] = true;
  readonly code: ErrorCode;
  readonly params: ErrorParams;
  readonly field: string | undefined;

  constructor(code: ErrorCode, params: ErrorParams = {}, options: FaultOptions = {}) {
    const message = options.said === undefined ? fill(CATALOGUE[code].message, params) : printable(options.said);
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.params = params;
    this.field = options.field;
  }

  get action(): string {
    return CATALOGUE[this.code].action;
  }

  get status(): number {
    return CATALOGUE[this.code].status;
  }

  get exit(): Exit {
    return CATALOGUE[this.code].exit;
  }

  toBody(): ErrorBody {
    const body: ErrorBody = { code: this.code, message: this.message, action: this.action };
    return this.field === undefined ? body : { ...body, field: this.field };
  }
}

/** Makes an error of the catalogue; it is for the caller to throw. */
export function fault(code: ErrorCode, params: ErrorParams = {}, options: FaultOptions = {}): CachalotError {
  return new CachalotError(code, params, options);
}

export function isFault(error: unknown, code?: ErrorCode): error is CachalotError {
  if (typeof error !== 'object' || error === null || !(MARK in error)) return false;
  return code === undefined || (error as CachalotError).code === code;
}

// Parameters often come from hostile input: control characters would forge log lines and terminal output.
function fill(template: string, params: ErrorParams): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => (name in params ? printable(String(params[name])) : whole));
}

function printable(text: string): string {
  const shown = text.length > 300 ? `${text.slice(0, 300)}…` : text;
  return shown.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
