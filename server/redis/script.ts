/**
 * A Lua script as Redis runs it: atomically, where the keys are. Sent once to each server and then named by its digest; a
 * server that has forgotten it is sent it again (ioredis does both).
 *
 * All keys that a script touches are among its KEYS and share one hash tag, so that a cluster has them in one place.
 */
import type { RedisClient } from './connect.ts';

export interface Script {
  /** What it does, as a name: how the command is called on a connection. */
  name: string;
  keys: number;
  lua: string;
  readOnly: boolean;
}

type Argument = string | number | Buffer;
type Scripted = Record<string, (...given: Argument[]) => Promise<unknown>>;

export function defineScripts(client: RedisClient, scripts: readonly Script[]): void {
  for (const { name, keys, lua, readOnly } of scripts)
    client.defineCommand(name, { lua, numberOfKeys: keys, readOnly });
}

/** Its reply, texts as texts. */
export function run(
  client: RedisClient,
  { name }: Script,
  keys: readonly string[],
  values: readonly Argument[],
): Promise<unknown> {
  const command = (client as unknown as Scripted)[name];
  if (command === undefined) throw new Error(`the script ${name} was not defined`);
  return command.call(client, ...keys, ...values);
}
