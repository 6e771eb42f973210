/** A client for commands that ask the server and do nothing else: their faults are faults of the command. */
import type { CacheClient } from '#runner-plugin/client/client.ts';
import type { Context } from './program.ts';

/** As a build of that ref would ask; as this one if there is none. */
export function forRef(context: Context, ref: string | undefined): Context {
  return ref === undefined ? context : { ...context, env: { ...context.env, CACHALOT_REF: ref } };
}

/** Runs with a client, and closes it whatever happens. */
export async function withClient<T>(
  context: Context,
  use: (client: CacheClient) => Promise<T>,
  options: { ignoreBreaker?: boolean } = {},
): Promise<T> {
  const [{ createClient }, { readClientSettings }] = await Promise.all([
    import('#runner-plugin/client/client.ts'),
    import('#runner-plugin/client/settings.ts'),
  ]);
  const client = createClient(readClientSettings(context.env, context.version), options);
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}
