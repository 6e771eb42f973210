/** A bound on bytes that many share: who wants to hold some waits for them. */
export interface Room {
  /** Answers with what gives them back. */
  reserve(bytes: number): Promise<() => void>;
}
