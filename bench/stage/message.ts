/** What a program of ours, started with IPC, says. */
import type { Daemon } from './command.ts';

/** Its next message. Throws with its output where it ends without one. */
export function nextMessage<T>(daemon: Daemon): Promise<T> {
  return new Promise((resolve, reject) => {
    const onMessage = (message: unknown) => {
      daemon.child.off('exit', onExit);
      resolve(message as T);
    };
    const onExit = () => {
      daemon.child.off('message', onMessage);
      reject(new Error(`${daemon.child.spawnargs.join(' ')}\nended without an answer:\n${daemon.output()}`));
    };
    daemon.child.once('message', onMessage);
    daemon.child.once('exit', onExit);
  });
}
