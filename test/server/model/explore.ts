/**
 * Explores every state that a model can reach, breadth first, each once. So a state that breaks an invariant is found by a
 * shortest way, and a model without one is known to have none within its bounds.
 */

export interface Move<S> {
  /** What happens, as a person reads it. */
  label: string;
  to: S;
}

export interface Model<S> {
  first: S;
  moves(state: S): Move<S>[];
  /** Two states with one text are one state. */
  text(state: S): string;
  /** What is wrong in this state; undefined where nothing is. `moves` are those that lead on from it. */
  wrong(state: S, moves: readonly Move<S>[]): string | undefined;
}

export interface Exploration {
  states: number;
  /** Whether all of them were seen; false where the bound came first. */
  complete: boolean;
  broken?: { what: string; trace: string[] };
}

export function explore<S>(model: Model<S>, bound: number): Exploration {
  const known = new Map<string, number>([[model.text(model.first), 0]]);
  const cameFrom: number[] = [-1];
  const by: string[] = ['at first'];
  let frontier: { state: S; id: number }[] = [{ state: model.first, id: 0 }];
  const traceTo = (id: number): string[] => {
    const steps: string[] = [];
    for (let at = id; at > 0; at = cameFrom[at] ?? 0) steps.push(by[at] ?? '');
    return steps.reverse();
  };
  while (frontier.length > 0) {
    const next: typeof frontier = [];
    for (const { state, id } of frontier) {
      const moves = model.moves(state);
      const what = model.wrong(state, moves);
      if (what !== undefined)
        return { states: known.size, complete: false, broken: { what, trace: traceTo(id) } };
      for (const { label, to } of moves) {
        const text = model.text(to);
        if (known.has(text)) continue;
        if (known.size >= bound) return { states: known.size, complete: false };
        known.set(text, cameFrom.length);
        next.push({ state: to, id: cameFrom.length });
        cameFrom.push(id);
        by.push(label);
      }
    }
    frontier = next;
  }
  return { states: known.size, complete: true };
}

/** The trace as numbered lines. */
export function readable({ what, trace }: { what: string; trace: string[] }): string {
  const lines = trace.map((step, at) => `${String(at + 1).padStart(3)}. ${step}`);
  return [...lines, `     So ${what}.`].join('\n');
}
