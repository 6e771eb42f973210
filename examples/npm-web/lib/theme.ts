"use client";

import { createTheme } from "@mui/material/styles";

export const theme = createTheme({
  cssVariables: true,
  colorSchemes: { light: true, dark: true },
  // The system's own fonts: a build asks no font service.
  typography: { fontFamily: "system-ui, sans-serif" },
  shape: { borderRadius: 8 },
});
