/** A server process as `cachalot serve` starts one, but with an address of its own. Arguments: the data folder, and a port. */
import { serve } from '#server/main.ts';
import { BREAKAGE_VARIABLE, BREAKAGES, type Breakage } from '../production/breakages.ts';

const breakage = process.env[BREAKAGE_VARIABLE] as Breakage | undefined;
const flags = { port: process.argv[3] ?? 0, data: process.argv[2] ?? '' };
await serve({ flags, ownsProcess: true, ...(breakage && { change: BREAKAGES[breakage] }) });
