"use client";

import Chip from "@mui/material/Chip";
import Stack from "@mui/material/Stack";
import { SPECIES, type Species } from "@/lib/sighting";

interface Props {
  chosen: Species | undefined;
  onChoose: (species: Species | undefined) => void;
}

/** One species or all of them; choosing the chosen one again shows all. */
export function SpeciesPicker({ chosen, onChoose }: Props) {
  return (
    <Stack direction="row" spacing={1} role="group" aria-label="Species">
      {SPECIES.map((species) => (
        <Chip
          key={species}
          label={species}
          aria-pressed={species === chosen}
          color={species === chosen ? "primary" : "default"}
          onClick={() => onChoose(species === chosen ? undefined : species)}
        />
      ))}
    </Stack>
  );
}
