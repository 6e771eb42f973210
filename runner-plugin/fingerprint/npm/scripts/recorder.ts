/**
 * Hears of every script before npm runs it, one after the other: npm waits until the listener is done. Whatever goes wrong
 * here keeps no script from running; it is told to who asks afterwards.
 */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { recordingShell, type Wrapper, type WrapperOptions } from './wrapper.ts';

/** What npm starts: its shell's arguments, its folder, and of its environment PATH and `npm_package_*`, `npm_lifecycle_*`. */
export interface ScriptCall {
  args: string[];
  folder: string;
  env: Readonly<Record<string, string>>;
}

export class Recorder {
  readonly #wrapper: Wrapper;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #turn: Promise<void> = Promise.resolve();
  #failed: unknown;

  private constructor(wrapper: Wrapper, listener: (call: ScriptCall) => Promise<void>) {
    this.#wrapper = wrapper;
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      // npm, or the script's own shell, may be gone at any moment.
      socket.on('error', () => socket.destroy());
      socket.on('close', () => this.#sockets.delete(socket));
      let text = '';
      socket.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        if (!text.endsWith('\n')) return;
        const call = JSON.parse(text) as ScriptCall;
        this.#turn = this.#turn
          .then(() => listener(call))
          .catch((error: unknown) => {
            this.#failed ??= error;
          })
          .then(() => void socket.end());
      });
    });
  }

  static async start(
    options: WrapperOptions,
    listener: (call: ScriptCall) => Promise<void>,
  ): Promise<Recorder> {
    const wrapper = await recordingShell(options);
    const recorder = new Recorder(wrapper, listener);
    recorder.#server.listen(wrapper.socket);
    try {
      await once(recorder.#server, 'listening');
    } catch (error) {
      await wrapper.remove();
      throw error;
    }
    return recorder;
  }

  /** What the command is given. */
  get env(): Record<string, string> {
    return { npm_config_script_shell: this.#wrapper.shell };
  }

  /** All that was heard has been dealt with. Throws what the listener threw first. */
  async settled(): Promise<void> {
    await this.#turn;
    if (this.#failed !== undefined) throw this.#failed;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await this.#wrapper.remove();
  }
}
