/** A server process as `cachalot serve` starts one, but with an address of its own. Arguments: the data folder. */
import { serve } from '#server/main.ts';

await serve({ flags: { port: 0, data: process.argv[2] ?? '' }, ownsProcess: true });
