import { format, parseISO } from "date-fns";
import type { Sighting } from "@/lib/sighting";

export interface MonthCount {
  month: string;
  animals: number;
}

/** Animals seen in each month, in the order of the calendar. Months without a sighting are left out. */
export function animalsByMonth(sightings: readonly Sighting[]): MonthCount[] {
  const counts = new Map<string, number>();
  for (const { day, animals } of sightings) {
    const month = day.slice(0, 7);
    counts.set(month, (counts.get(month) ?? 0) + animals);
  }
  return [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([month, animals]) => ({ month: format(parseISO(month), "MMM yyyy"), animals }));
}

export interface Summary {
  sightings: number;
  animals: number;
  places: number;
}

export function summary(sightings: readonly Sighting[]): Summary {
  return {
    sightings: sightings.length,
    animals: sightings.reduce((sum, { animals }) => sum + animals, 0),
    places: new Set(sightings.map(({ place }) => place)).size,
  };
}
