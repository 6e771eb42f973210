/** How many look-ups does a server answer in a second? */
import { join } from 'node:path';
import { lookupRate } from '../load/lookup-rate.ts';
import type { Question } from '../question.ts';
import { startServer } from '../stage/cachalot.ts';

export const lookups: Question = {
  rows: ['lookups'],
  async ask(stage) {
    const server = await startServer(stage, join(stage.folder, 'data'));
    return [await lookupRate(stage, 'lookups', server.port, 'the asking process shares the cores')];
  },
};
