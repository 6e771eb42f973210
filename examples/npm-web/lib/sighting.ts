import { z } from "zod";

export const SPECIES = ["Sperm whale", "Fin whale", "Humpback whale", "Minke whale", "Orca"] as const;

export const Species = z.enum(SPECIES);
export type Species = z.infer<typeof Species>;

export const Sighting = z.object({
  id: z.number().int().positive(),
  species: Species,
  /** The day on which the animals were seen, as `YYYY-MM-DD`. */
  day: z.iso.date(),
  place: z.string().min(1),
  animals: z.number().int().positive(),
});
export type Sighting = z.infer<typeof Sighting>;

export const Sightings = z.array(Sighting);
