import Card from "@mui/material/Card";
import CardContent from "@mui/material/CardContent";
import Typography from "@mui/material/Typography";
import { format, parseISO } from "date-fns";
import { notFound } from "next/navigation";
import { sighting, sightings } from "@/lib/logbook";

interface Props {
  params: Promise<{ id: string }>;
}

export const dynamicParams = false;

export function generateStaticParams() {
  return sightings().map(({ id }) => ({ id: String(id) }));
}

export default async function SightingPage({ params }: Props) {
  const { id } = await params;
  const found = sighting(Number(id));
  if (!found) notFound();
  return (
    <Card variant="outlined">
      <CardContent>
        <Typography color="text.secondary">{format(parseISO(found.day), "d MMMM yyyy")}</Typography>
        <Typography variant="h4" component="h1" gutterBottom>
          {found.species}
        </Typography>
        <Typography>
          {found.animals} seen off {found.place}
        </Typography>
      </CardContent>
    </Card>
  );
}
