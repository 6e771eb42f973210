/**
 * The program of a save's packing thread (start-worker.ts): walks its share of a root, then reads, names and compresses segments. It takes what main has sent
 * between two pieces of work, not only when it is idle, so that a verdict is never behind ten reads.
 */
import { type MessagePort, parentPort, receiveMessageOnPort } from 'node:worker_threads';
import { isFault } from '#protocol/wire/errors.ts';
import { nodeFiles } from './file-access.ts';
import { type FromEngine, PackEngine, type ToEngine } from './pack-engine.ts';
import type { FromThread, ToThread } from './pack-threads.ts';
import { walkShare } from './walk.ts';

const port = parentPort as MessagePort;
const engine = new PackEngine(nodeFiles, post);

port.on('message', (message: ToThread) => {
  try {
    take(message);
    while (engine.work()) {
      for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port))
        take(next.message as ToThread);
    }
  } catch (error) {
    report(error);
  }
});

function take(message: ToThread): void {
  if (message.type !== 'walk') engine.receive(message satisfies ToEngine);
  else port.postMessage({ type: 'walked', share: walkShare(message.share, nodeFiles) } satisfies FromThread);
}

function post(message: FromEngine): void {
  // What is not shared is handed over, not copied.
  const memory = message.type === 'stored' && message.fresh ? [message.bytes.buffer as ArrayBuffer] : [];
  port.postMessage(message, memory);
}

function report(error: unknown): void {
  const failed: FromThread = isFault(error)
    ? { type: 'failed', code: error.code, params: error.params, message: error.message }
    : { type: 'failed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  port.postMessage(failed);
}
