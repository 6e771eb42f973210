/** What is counted for Prometheus. Names are `cachalot_…`; labels come from our own routes and words, never from a request. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

const SECONDS = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60];

export interface Gauged {
  version: string;
  /** Something is away that the server can do without for a while. */
  isDegraded(): boolean;
  /** Whether a miss of the index is one. */
  isIndexTrusted(): Promise<boolean>;
  /** Requests under way. */
  running(): number;
  /** Bytes of uploads in memory. */
  uploadBytes(): number;
  /** Undefined where the queue cannot be asked. */
  jobs(): Promise<{ waiting: number; running: number; failed: number } | undefined>;
}

export type Metrics = ReturnType<typeof createMetrics>;

export function createMetrics(gauged: Gauged) {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'cachalot_build_info',
    help: 'Always 1; its label says which version runs',
    labelNames: ['version'] as const,
    registers,
  }).set({ version: gauged.version }, 1);
  new Gauge({
    name: 'cachalot_degraded',
    help: '1 while Redis is away, as /readyz says',
    registers,
    collect() {
      this.set(gauged.isDegraded() ? 1 : 0);
    },
  });
  new Gauge({
    name: 'cachalot_index_trusted',
    help: '0 while the index may lack entries: then the object store is asked, until a reindex is through',
    registers,
    async collect() {
      this.set((await gauged.isIndexTrusted()) ? 1 : 0);
    },
  });
  new Gauge({
    name: 'cachalot_requests_running',
    help: 'Requests under way',
    registers,
    collect() {
      this.set(gauged.running());
    },
  });
  new Gauge({
    name: 'cachalot_upload_memory_bytes',
    help: 'Bytes of uploads and inline answers held in memory',
    registers,
    collect() {
      this.set(gauged.uploadBytes());
    },
  });
  new Gauge({
    name: 'cachalot_jobs',
    help: 'Jobs by state',
    labelNames: ['state'] as const,
    registers,
    async collect() {
      const counts = await gauged.jobs();
      // Where the queue is away there is no figure, rather than a wrong one, and all others are told.
      this.reset();
      if (counts === undefined) return;
      const { waiting, running, failed } = counts;
      this.set({ state: 'waiting' }, waiting);
      this.set({ state: 'running' }, running);
      this.set({ state: 'failed' }, failed);
    },
  });
  const requests = new Histogram({
    name: 'cachalot_request_seconds',
    help: 'Requests by route and status, from their headers to the last byte of the answer',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: SECONDS,
    registers,
  });
  /** As many as there are routes; finding the figure anew takes longer than to count. */
  const answers = new Map<string, ReturnType<typeof requests.labels>>();
  return {
    registry,
    answered(method: string, route: string, status: string, seconds: number): void {
      const key = `${method} ${route} ${status}`;
      let figure = answers.get(key);
      if (figure === undefined) {
        figure = requests.labels(method, route, status);
        answers.set(key, figure);
      }
      figure.observe(seconds);
    },
    store: new Histogram({
      name: 'cachalot_store_seconds',
      help: 'Calls of the object store by operation and outcome (done, missing, failed); of a read, to its first byte',
      labelNames: ['operation', 'outcome'] as const,
      buckets: SECONDS,
      registers,
    }),
    received: new Counter({
      name: 'cachalot_received_bytes_total',
      help: 'Bytes of segments and details taken in',
      registers,
    }),
    sent: new Counter({
      name: 'cachalot_sent_bytes_total',
      help: 'Bytes of segments, archives and details sent',
      registers,
    }),
    passed: new Counter({
      name: 'cachalot_passed_segments_total',
      help: 'Segments that runners were sent past this process for: to the bucket (redirect), or by the web server in front (accel)',
      labelNames: ['way'] as const,
      registers,
    }),
    lookups: new Counter({
      name: 'cachalot_lookups_total',
      help: 'Look-ups by result and kind of key',
      labelNames: ['hit', 'kind'] as const,
      registers,
    }),
    commits: new Counter({ name: 'cachalot_commits_total', help: 'Entries that were committed', registers }),
    retired: new Counter({
      name: 'cachalot_retired_entries_total',
      help: 'Entries that left: not whole, or removed',
      registers,
    }),
    damaged: new Counter({
      name: 'cachalot_damaged_objects_total',
      help: 'Stored objects that were found damaged',
      registers,
    }),
    healed: new Counter({
      name: 'cachalot_healed_segments_total',
      help: 'Damaged segments that a save replaced',
      registers,
    }),
    condemned: new Counter({
      name: 'cachalot_condemned_objects_total',
      help: 'Objects that were found to be needed by nobody',
      registers,
    }),
    swept: new Counter({
      name: 'cachalot_swept_objects_total',
      help: 'Objects that nobody needed and that were deleted',
      registers,
    }),
    sweptBytes: new Counter({
      name: 'cachalot_swept_bytes_total',
      help: 'Bytes of what nobody needed and was deleted',
      registers,
    }),
    evicted: new Counter({
      name: 'cachalot_evicted_entries_total',
      help: 'Entries that left for their age or for room',
      registers,
    }),
    scrubbed: new Counter({
      name: 'cachalot_scrubbed_bytes_total',
      help: 'Stored bytes that completed passes of the scrub have read and verified',
      registers,
    }),
    verifying: new Gauge({
      name: 'cachalot_verify_queue',
      help: 'Stored objects that are being verified or wait for it',
      registers,
    }),
    hotReads: new Counter({
      name: 'cachalot_hot_reads_total',
      help: 'Reads of segments by where their bytes came from: memory and disk are hits of the hot tier, bucket its misses',
      labelNames: ['from'] as const,
      registers,
    }),
    hotReadBytes: new Counter({
      name: 'cachalot_hot_read_bytes_total',
      help: 'Bytes of reads of segments by where they came from',
      labelNames: ['from'] as const,
      registers,
    }),
    hotMovedBytes: new Counter({
      name: 'cachalot_hot_moved_bytes_total',
      help: 'Bytes of segments that were fetched whole from the bucket',
      registers,
    }),
    hotEvictions: new Counter({
      name: 'cachalot_hot_evictions_total',
      help: 'Copies on disk that made room for others',
      registers,
    }),
    hotEvictedBytes: new Counter({
      name: 'cachalot_hot_evicted_bytes_total',
      help: 'Bytes of copies on disk that made room for others',
      registers,
    }),
    hotRefused: new Counter({
      name: 'cachalot_hot_refused_total',
      help: 'Segments that were not taken into the hot tier',
      labelNames: ['why'] as const,
      registers,
    }),
    hotBadCopies: new Counter({
      name: 'cachalot_hot_bad_copies_total',
      help: 'Copies on disk that were not what had been written',
      registers,
    }),
    hotOff: new Gauge({
      name: 'cachalot_hot_off',
      help: '1 where the disk of the hot tier cannot be used, until the next start',
      registers,
    }),
    failures: new Counter({
      name: 'cachalot_background_failures_total',
      help: 'Failures that no request was answered with; the log has them',
      registers,
    }),
  };
}
