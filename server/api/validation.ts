/** Requests are held against the schemas of protocol/wire, compiled by TypeBox; the first thing that is wrong is named. */
import type { FastifySchemaCompiler } from 'fastify';
import type { Static, TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { Value } from 'typebox/value';
import { type CachalotError, fault } from '#protocol/wire/errors.ts';

/** What a text may have to become. */
const NOT_TEXT = /"type":"(?!string"|object")/;

/** Texts of paths and queries become numbers where the schema wants some; bodies are taken as they are. */
export const compileValidator: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const check = Compile(schema);
  const isText = httpPart === 'body' || !NOT_TEXT.test(JSON.stringify(schema));
  return (input: unknown) => {
    const value = isText ? input : Value.Convert(schema, input);
    return check.Check(value) ? { value: value as Static<TSchema> } : { error: invalid(check.Errors(value)) };
  };
};

function invalid(errors: { instancePath: string; message: string; params?: unknown }[]): CachalotError {
  const [first] = errors;
  const missing = (first?.params as { requiredProperties?: string[] } | undefined)?.requiredProperties?.[0];
  const field = `${first?.instancePath ?? ''}${missing === undefined ? '' : `/${missing}`}`;
  const what = missing === undefined ? (first?.message ?? 'is not of its form') : 'is missing';
  const why = `${field === '' ? 'it' : field} ${what}`;
  return fault('REQUEST_INVALID', { why }, field === '' ? {} : { field });
}
