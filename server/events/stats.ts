/**
 * The figures of GET stats, derived from the event log: each event is read once, when figures are asked for the first time after
 * it came, and its page's figures go when the page does. So they are what the log holds, before and after a restart.
 */
import type { Stats } from '#protocol/wire/routes.ts';
import type { Cursor, EventLog } from './event-log.ts';
import { addEvent, addFigures, type Figures, noFigures, statsOf } from './figures.ts';

export interface StatsParts {
  log: EventLog;
  /** What is stored for a domain now. */
  totals: (domain: string) => Promise<{ entries: number; storedBytes: number }>;
}

export interface StatsReader {
  /** Of one project; what is stored is its domain's. Throws what the log and `totals` throw. */
  of(domain: string, project: string): Promise<Stats>;
}

export function createStats(parts: StatsParts): StatsReader {
  return new DerivedStats(parts);
}

class DerivedStats implements StatsReader {
  readonly #parts: StatsParts;
  /** By page, then by domain and project. */
  readonly #figures = new Map<string, Map<string, Figures>>();
  #cursor: Cursor | undefined;
  #reading: Promise<void> = Promise.resolve();

  constructor(parts: StatsParts) {
    this.#parts = parts;
  }

  async of(domain: string, project: string): Promise<Stats> {
    // One after the other: what came before this call is then in its figures, once.
    const catchUp = () => this.#catchUp();
    this.#reading = this.#reading.then(catchUp, catchUp);
    await this.#reading;
    const whole = noFigures();
    for (const page of this.#figures.values()) {
      const figures = page.get(ownerOf(domain, project));
      if (figures !== undefined) addFigures(whole, figures);
    }
    return statsOf(whole, await this.#parts.totals(domain));
  }

  async #catchUp(): Promise<void> {
    for await (const { page, events, next } of this.#parts.log.read(this.#cursor)) {
      const owners = this.#figures.get(page) ?? new Map<string, Figures>();
      this.#figures.set(page, owners);
      for (const { at, domain, project, event } of events) {
        const owner = ownerOf(domain, project);
        const figures = owners.get(owner) ?? noFigures();
        owners.set(owner, figures);
        addEvent(figures, at, event);
      }
      this.#cursor = next;
    }
    const kept = new Set(await this.#parts.log.pages());
    for (const page of this.#figures.keys()) if (!kept.has(page)) this.#figures.delete(page);
  }
}

function ownerOf(domain: string, project: string): string {
  return JSON.stringify([domain, project]);
}
