/** A store whose calls are timed, for the figures: what an object store of somebody else's takes is the first question when things are slow. */
import type { ObjectStore } from './object-store.ts';

/** `missing`: an answer that there is nothing, or another version. */
export type StoreOutcome = 'done' | 'missing' | 'failed';
export type StoreOperation = 'head' | 'get' | 'read' | 'put' | 'putStream' | 'delete';

/** `seconds`: to the answer; of `read`, to its first byte. */
export type ObserveStore = (operation: StoreOperation, outcome: StoreOutcome, seconds: number) => void;

/** The store belongs to it from now on. */
export function timedStore(store: ObjectStore, observe: ObserveStore): ObjectStore {
  function timed<Args extends unknown[], Answer>(
    operation: StoreOperation,
    call: (...args: Args) => Promise<Answer>,
  ): (...args: Args) => Promise<Answer> {
    return async (...args) => {
      const since = performance.now();
      let outcome: StoreOutcome = 'failed';
      try {
        const answer = await call(...args);
        outcome = answer === undefined || answer === 'changed' ? 'missing' : 'done';
        return answer;
      } finally {
        observe(operation, outcome, (performance.now() - since) / 1000);
      }
    };
  }
  const { presign, file } = store;
  return {
    atomicCreate: store.atomicCreate,
    doubtedBefore: store.doubtedBefore,
    now: () => store.now(),
    head: timed('head', (...args: Parameters<ObjectStore['head']>) => store.head(...args)),
    get: timed('get', (...args: Parameters<ObjectStore['get']>) => store.get(...args)),
    read: timed('read', (...args: Parameters<ObjectStore['read']>) => store.read(...args)),
    put: timed('put', (...args: Parameters<ObjectStore['put']>) => store.put(...args)),
    putStream: timed('putStream', (...args: Parameters<ObjectStore['putStream']>) =>
      store.putStream(...args),
    ),
    delete: timed('delete', (...args: Parameters<ObjectStore['delete']>) => store.delete(...args)),
    list: (prefix) => store.list(prefix),
    ...(presign && { presign: presign.bind(store) }),
    ...(file && { file: file.bind(store) }),
    close: () => store.close(),
  };
}
