import Stack from "@mui/material/Stack";
import Typography from "@mui/material/Typography";
import { SightingsTable } from "@/components/SightingsTable";

export default function SightingsPage() {
  return (
    <Stack spacing={3}>
      <Typography variant="h4" component="h1">
        Sightings
      </Typography>
      <SightingsTable />
    </Stack>
  );
}
