import { Sightings, type Sighting, type Species } from "@/lib/sighting";

/** The logbook. It is parsed like input from outside, so a wrong line ends the build. */
const LOGBOOK: readonly Sighting[] = Sightings.parse([
  { id: 1, species: "Sperm whale", day: "2026-01-14", place: "Pico", animals: 4 },
  { id: 2, species: "Fin whale", day: "2026-01-29", place: "Faial", animals: 2 },
  { id: 3, species: "Minke whale", day: "2026-02-11", place: "Tenerife", animals: 1 },
  { id: 4, species: "Sperm whale", day: "2026-03-02", place: "Kaikoura", animals: 3 },
  { id: 5, species: "Humpback whale", day: "2026-03-19", place: "Húsavík", animals: 2 },
  { id: 6, species: "Orca", day: "2026-04-07", place: "Tromsø", animals: 9 },
  { id: 7, species: "Humpback whale", day: "2026-05-23", place: "Húsavík", animals: 5 },
  { id: 8, species: "Sperm whale", day: "2026-05-30", place: "Andenes", animals: 6 },
  { id: 9, species: "Fin whale", day: "2026-06-08", place: "Sylt", animals: 1 },
  { id: 10, species: "Sperm whale", day: "2026-07-16", place: "Pico", animals: 11 },
  { id: 11, species: "Orca", day: "2026-08-03", place: "Tarifa", animals: 7 },
  { id: 12, species: "Minke whale", day: "2026-08-21", place: "Tadoussac", animals: 3 },
]);

export function sightings(species?: Species): Sighting[] {
  return LOGBOOK.filter((sighting) => species === undefined || sighting.species === species);
}

export function sighting(id: number): Sighting | undefined {
  return LOGBOOK.find((candidate) => candidate.id === id);
}
