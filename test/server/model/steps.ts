/** What an actor does: named steps, each one call to the store. A step says what happened. */
import type { Actor, Rules, World } from './state.ts';

/** Changes the world and the actor, which are copies of its own; `choice` is one of as many as {@link CHOICES} says. */
type Step = (state: World, one: Actor, rules: Rules, choice: number) => string;

export type Program = Record<string, Step>;
