import WavesIcon from "@mui/icons-material/Waves";
import AppBar from "@mui/material/AppBar";
import Button from "@mui/material/Button";
import Container from "@mui/material/Container";
import Toolbar from "@mui/material/Toolbar";
import Typography from "@mui/material/Typography";
import Link from "next/link";
import type { ReactNode } from "react";

export function Shell({ children }: { children: ReactNode }) {
  return (
    <>
      <AppBar position="static">
        <Toolbar>
          <WavesIcon sx={{ mr: 1 }} />
          <Typography variant="h6" component="span" sx={{ flexGrow: 1 }}>
            Whale log
          </Typography>
          <Link href="/">
            <Button sx={{ color: "common.white" }}>Overview</Button>
          </Link>
          <Link href="/sightings">
            <Button sx={{ color: "common.white" }}>Sightings</Button>
          </Link>
        </Toolbar>
      </AppBar>
      <Container component="main" sx={{ py: 4 }}>
        {children}
      </Container>
    </>
  );
}
