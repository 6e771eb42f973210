import type { NextConfig } from "next";

const config: NextConfig = {
  // A server with only the modules that it loads: what the image's last stage copies.
  output: "standalone",
  // Other lockfiles may lie above this folder; the project ends here.
  outputFileTracingRoot: import.meta.dirname,
  turbopack: { root: import.meta.dirname },
};

export default config;
