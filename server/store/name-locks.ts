/** One at a time for each name, in the order of asking; different names do not wait for each other. */
export class NameLocks {
  readonly #last = new Map<string, Promise<void>>();

  async hold<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(name);
    const { promise: done, resolve } = Promise.withResolvers<void>();
    this.#last.set(name, done);
    await before;
    try {
      return await work();
    } finally {
      if (this.#last.get(name) === done) this.#last.delete(name);
      resolve();
    }
  }
}
