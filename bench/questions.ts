/** All questions, in the order in which they are asked: what needs least first. */
import type { Question } from './question.ts';
import { authCost } from './rows/auth-cost.ts';
import { cliStart } from './rows/cli-start.ts';
import { clientMemory } from './rows/client-memory.ts';
import { getHot } from './rows/get-hot.ts';
import { GET_S3 } from './rows/get-s3.ts';
import { lookups } from './rows/lookups.ts';
import { lookupsMillion } from './rows/lookups-million.ts';
import { lookupsP99 } from './rows/lookups-p99.ts';
import { lookupsRedis } from './rows/lookups-redis.ts';
import { reindex } from './rows/reindex.ts';
import { restoreCold } from './rows/restore-cold.ts';
import { restoreMaven } from './rows/restore-maven.ts';
import { restoreOneFile } from './rows/restore-one-file.ts';
import { restoreRtt } from './rows/restore-rtt.ts';
import { restoreSmall } from './rows/restore-small.ts';
import { RUNS } from './rows/runs.ts';
import { saveBumpBytes } from './rows/save-bump-bytes.ts';
import { saveBumpBytesMaven } from './rows/save-bump-bytes-maven.ts';
import { saveFull } from './rows/save-full.ts';
import { saveRtt } from './rows/save-rtt.ts';
import { saveUnchanged } from './rows/save-unchanged.ts';
import { serverMemory } from './rows/server-memory.ts';
import { sweepMillion } from './rows/sweep-million.ts';
import { warmPnpm, warmYarn1, warmYarn4 } from './rows/warm-managers.ts';
import { warmMaven } from './rows/warm-maven.ts';
import { warmNpm } from './rows/warm-npm.ts';

export const QUESTIONS: readonly Question[] = [
  cliStart,
  lookups,
  authCost,
  lookupsP99,
  lookupsRedis,
  lookupsMillion,
  reindex,
  restoreSmall,
  restoreMaven,
  saveBumpBytesMaven,
  restoreCold,
  restoreOneFile,
  restoreRtt,
  saveFull,
  saveUnchanged,
  saveBumpBytes,
  saveRtt,
  warmNpm,
  warmPnpm,
  warmYarn1,
  warmYarn4,
  warmMaven,
  clientMemory,
  serverMemory,
  getHot,
  ...GET_S3,
  sweepMillion,
  ...RUNS,
];

/** Every row that there is. */
export const ROWS: readonly string[] = QUESTIONS.flatMap(({ rows }) => rows);
