/**
 * Answers held against the schemas that the server is written against. Whatever is behind the address (a login page, a
 * proxy's error, `null`) is then one error, and nothing further on has to doubt a field. Imported when the first answer is
 * awaited: the schemas take their time to load, and what a restore needs is checked without them (lookup-check.ts).
 */
import { type Static, Type } from 'typebox';
import { Check, Errors } from 'typebox/value';
import { fault } from '#protocol/wire/errors.ts';
import * as routes from '#protocol/wire/routes.ts';

const SCHEMAS = {
  whoami: routes.WhoamiSchema,
  openSave: routes.OpenSaveAnswerSchema,
  lack: routes.LackAnswerSchema,
  write: routes.WriteAnswerSchema,
  // The manifest that it repeats is not looked at.
  commit: Type.Pick(routes.CommitAnswerSchema, ['entry', 'outcome']),
  suspect: routes.SuspectAnswerSchema,
  stats: routes.StatsSchema,
  entries: routes.EntriesAnswerSchema,
  entry: routes.EntryAnswerSchema,
  adminJob: routes.AdminJobAnswerSchema,
  adminToken: routes.AdminTokenAnswerSchema,
  adminTokens: routes.AdminTokensAnswerSchema,
  anything: Type.Unknown(),
} as const;

export type AnswerName = keyof typeof SCHEMAS;
export type AnswerOf<Name extends AnswerName> = Static<(typeof SCHEMAS)[Name]>;

/** Throws CLIENT_ANSWER_UNREADABLE, with the first field that is not as it should be. */
export function checkAnswer<Name extends AnswerName>(
  name: Name,
  value: unknown,
  url: string,
): AnswerOf<Name> {
  if (Check(SCHEMAS[name], value)) return value as AnswerOf<Name>;
  const [first] = Errors(SCHEMAS[name], value);
  const why = first === undefined ? 'it has another form' : `${first.instancePath || 'it'} ${first.message}`;
  throw fault('CLIENT_ANSWER_UNREADABLE', { url, why });
}

/** Reads JSON and holds it against its schema. */
export function parseAnswer<Name extends AnswerName>(name: Name, text: string, url: string): AnswerOf<Name> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw fault('CLIENT_ANSWER_UNREADABLE', { url, why: 'it is not JSON' }, { cause });
  }
  return checkAnswer(name, value, url);
}
