/**
 * The program of a restore's decoding thread (start-worker.ts).
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { type EngineOptions, UnpackEngine } from './unpack-engine.ts';
import type { ToDecoder } from './unpack-messages.ts';

const port = parentPort as MessagePort;
const engine = new UnpackEngine(workerData.engine as EngineOptions, (report) => port.postMessage(report));
port.on('message', (task: ToDecoder) => engine.receive(task));
