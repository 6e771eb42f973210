import CssBaseline from "@mui/material/CssBaseline";
import { ThemeProvider } from "@mui/material/styles";
import { AppRouterCacheProvider } from "@mui/material-nextjs/v16-appRouter";
import type { Metadata } from "next";
import type { ReactNode } from "react";
import { Shell } from "@/components/Shell";
import { theme } from "@/lib/theme";

export const metadata: Metadata = { title: "Whale log", description: "Who was seen where, and how many" };

export default function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <body>
        <AppRouterCacheProvider>
          <ThemeProvider theme={theme}>
            <CssBaseline />
            <Shell>{children}</Shell>
          </ThemeProvider>
        </AppRouterCacheProvider>
      </body>
    </html>
  );
}
