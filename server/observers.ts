/** What entries, retention and the hot tier tell, as log lines and figures. */
import type { Logger } from 'pino';
import type { EntryObserver } from './entries/parts.ts';
import type { Metrics } from './metrics.ts';
import type { RetentionObserver } from './retention/parts.ts';
import type { HotObserver } from './store/hot/observer.ts';

export function entryObserver(metrics: Metrics, log: Logger): EntryObserver {
  return {
    lookup: (hit, kind) => metrics.lookups.inc({ hit, kind }),
    committed(key, entry) {
      metrics.commits.inc();
      log.info({ key, entry }, 'committed');
    },
    retired(object, why) {
      metrics.retired.inc();
      log.warn({ object, why }, 'retired an entry');
    },
    damaged(identity, why) {
      metrics.damaged.inc();
      log.error({ identity, why }, 'found a damaged object');
    },
    healed(identity) {
      metrics.healed.inc();
      log.info({ identity }, 'replaced a damaged segment');
    },
    reindexed: (entries, milliseconds) => log.info({ entries, milliseconds }, 'rebuilt the index'),
    failed(what, error) {
      metrics.failures.inc();
      log.error({ err: error }, what);
    },
  };
}

export function retentionObserver(metrics: Metrics, log: Logger): RetentionObserver {
  return {
    marked: (figures) => log.info(figures, 'marked what is needed'),
    condemned(figures) {
      metrics.condemned.inc(figures.objects);
      log.info(figures, 'condemned what nobody needs');
    },
    swept(figures) {
      metrics.swept.inc(figures.deleted);
      metrics.sweptBytes.inc(figures.bytes);
      log.info(figures, 'deleted what nobody needs');
    },
    tidied: (objects) => log.info({ objects }, 'deleted old lists and copies'),
    evicted(object, why) {
      metrics.evicted.inc();
      log.info({ object, why }, 'evicted an entry');
    },
    scrubbed(figures) {
      metrics.scrubbed.inc(figures.bytes);
      log.info(figures, 'read and verified everything stored');
    },
  };
}

export function hotObserver(metrics: Metrics, log: Logger): HotObserver {
  const reads = (from: 'memory' | 'disk' | 'bucket') => {
    const [count, size] = [metrics.hotReads.labels(from), metrics.hotReadBytes.labels(from)];
    return { count, size };
  };
  const served = { memory: reads('memory'), disk: reads('disk'), bucket: reads('bucket') };
  return {
    served(from, bytes) {
      const { count, size } = served[from];
      count.inc();
      size.inc(bytes);
    },
    moved: (bytes) => metrics.hotMovedBytes.inc(bytes),
    refused(why) {
      metrics.hotRefused.inc({ why });
    },
    evicted(bytes) {
      metrics.hotEvictions.inc();
      metrics.hotEvictedBytes.inc(bytes);
    },
    badCopy(object) {
      metrics.hotBadCopies.inc();
      log.warn({ object }, 'a copy in the hot tier was not what had been written');
    },
    off(error) {
      metrics.hotOff.set(1);
      log.warn({ err: error }, 'the folder of the hot tier cannot be used; the bucket answers alone');
    },
  };
}
