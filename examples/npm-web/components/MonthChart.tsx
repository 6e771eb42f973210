"use client";

import { BarChart } from "@mui/x-charts/BarChart";
import type { MonthCount } from "@/lib/statistics";

export function MonthChart({ months }: { months: MonthCount[] }) {
  return (
    <BarChart
      height={320}
      dataset={months.map(({ month, animals }) => ({ month, animals }))}
      xAxis={[{ dataKey: "month", scaleType: "band" }]}
      series={[{ dataKey: "animals", label: "Animals seen" }]}
    />
  );
}
