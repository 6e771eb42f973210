import Card from "@mui/material/Card";
import CardContent from "@mui/material/CardContent";
import Typography from "@mui/material/Typography";
import type { ReactNode } from "react";

interface Props {
  label: string;
  value: number;
  icon: ReactNode;
}

export function Figure({ label, value, icon }: Props) {
  return (
    <Card variant="outlined" sx={{ flex: 1 }}>
      <CardContent>
        {icon}
        <Typography variant="h4" component="p">
          {value}
        </Typography>
        <Typography color="text.secondary">{label}</Typography>
      </CardContent>
    </Card>
  );
}
