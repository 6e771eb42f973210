import PlaceIcon from "@mui/icons-material/Place";
import VisibilityIcon from "@mui/icons-material/Visibility";
import WaterIcon from "@mui/icons-material/Water";
import Stack from "@mui/material/Stack";
import Typography from "@mui/material/Typography";
import { Figure } from "@/components/Figure";
import { MonthChart } from "@/components/MonthChart";
import { sightings } from "@/lib/logbook";
import { animalsByMonth, summary } from "@/lib/statistics";

export default function Overview() {
  const all = sightings();
  const figures = summary(all);
  return (
    <Stack spacing={3}>
      <Typography variant="h4" component="h1">
        This year
      </Typography>
      <Stack direction="row" spacing={2}>
        <Figure label="Sightings" value={figures.sightings} icon={<VisibilityIcon />} />
        <Figure label="Animals" value={figures.animals} icon={<WaterIcon />} />
        <Figure label="Places" value={figures.places} icon={<PlaceIcon />} />
      </Stack>
      <MonthChart months={animalsByMonth(all)} />
    </Stack>
  );
}
