/** What somebody gives to be stored, piece by piece. Its own errors are told apart from those of the store that it goes to. */
export class Source implements AsyncIterable<Uint8Array> {
  readonly #pieces: AsyncIterable<Uint8Array>;
  #failure: { error: unknown } | undefined;

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#pieces = pieces;
  }

  /** Whether `error` is what the pieces threw. */
  failed(error: unknown): boolean {
    return this.#failure !== undefined && this.#failure.error === error;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      yield* this.#pieces;
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }
}
