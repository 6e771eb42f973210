/** What is counted for Prometheus. Names are `cachalot_…`; labels come from our own routes and words, never from a request. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

const SECONDS = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60];

export interface Gauged {
  /** Requests under way. */
  running(): number;
  /** Bytes of uploads in memory. */
  uploadBytes(): number;
  jobs(): Promise<{ waiting: number; running: number; failed: number }>;
}

export type Metrics = ReturnType<typeof createMetrics>;

export function createMetrics(gauged: Gauged) {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
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
      const { waiting, running, failed } = await gauged.jobs();
      this.set({ state: 'waiting' }, waiting);
      this.set({ state: 'running' }, running);
      this.set({ state: 'failed' }, failed);
    },
  });
  return {
    registry,
    requests: new Histogram({
      name: 'cachalot_request_seconds',
      help: 'Requests by route and status, from their headers to the last byte of the answer',
      labelNames: ['method', 'route', 'status'] as const,
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
    verifying: new Gauge({
      name: 'cachalot_verify_queue',
      help: 'Stored objects that are being verified or wait for it',
      registers,
    }),
    failures: new Counter({
      name: 'cachalot_background_failures_total',
      help: 'Failures that no request was answered with; the log has them',
      registers,
    }),
  };
}
