/** Time on a machine that is too busy: a process that stood still has not waited. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { test } from 'tap';
import { systemClock } from '#runner-plugin/client/clock.ts';

test('a timer runs when its time is over, and not once it is cancelled', async (t) => {
  await new Promise<void>((resolve) => systemClock.after(5, resolve));
  const cancel = systemClock.after(1, () => t.fail('it was cancelled'));
  cancel();
  await new Promise<void>((resolve) => systemClock.after(20, resolve));
});

test('what came while the process stood still is heard before the time is called over', async (t) => {
  const source =
    "import { parentPort } from 'node:worker_threads'; parentPort.on('message', () => parentPort.postMessage('answer'));";
  const answerer = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`));
  t.teardown(() => answerer.terminate());
  await once(answerer, 'online');
  let over = false;
  const cancel = systemClock.after(50, () => {
    over = true;
  });
  answerer.postMessage('question');
  // No turn of the event loop for longer than the time and the answer take.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600);
  await once(answerer, 'message');
  cancel();
  t.notOk(over);
});
