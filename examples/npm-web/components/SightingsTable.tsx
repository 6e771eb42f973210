"use client";

import Alert from "@mui/material/Alert";
import Stack from "@mui/material/Stack";
import { DataGrid, type GridColDef } from "@mui/x-data-grid";
import { useRouter } from "next/navigation";
import { useState } from "react";
import useSWR from "swr";
import { SpeciesPicker } from "@/components/SpeciesPicker";
import { Sightings, type Sighting, type Species } from "@/lib/sighting";

const COLUMNS: GridColDef<Sighting>[] = [
  { field: "day", headerName: "Day", width: 130 },
  { field: "species", headerName: "Species", flex: 1 },
  { field: "place", headerName: "Place", flex: 1 },
  { field: "animals", headerName: "Animals", type: "number", width: 110 },
];

async function load(path: string): Promise<Sighting[]> {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`The log answered ${response.status}`);
  return Sightings.parse(await response.json());
}

export function SightingsTable() {
  const router = useRouter();
  const [species, setSpecies] = useState<Species>();
  const query = species === undefined ? "" : `?${new URLSearchParams({ species })}`;
  const { data, error, isLoading } = useSWR<Sighting[], Error>(`/api/sightings${query}`, load);

  return (
    <Stack spacing={2}>
      <SpeciesPicker chosen={species} onChoose={setSpecies} />
      {error && <Alert severity="error">{error.message}</Alert>}
      <DataGrid
        rows={data ?? []}
        columns={COLUMNS}
        loading={isLoading}
        onRowClick={({ id }) => router.push(`/sightings/${id}`)}
        disableRowSelectionOnClick
        hideFooter
      />
    </Stack>
  );
}
