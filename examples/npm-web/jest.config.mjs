import nextJest from "next/jest.js";

const withNext = nextJest({ dir: import.meta.dirname });

export default withNext({
  testEnvironment: "jsdom",
  setupFilesAfterEnv: ["<rootDir>/test/setup.ts"],
  modulePathIgnorePatterns: ["<rootDir>/.next/"],
  moduleNameMapper: { "^@/(.*)$": "<rootDir>/$1" },
});
