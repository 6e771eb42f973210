/** YAML as pnpm and yarn write it: read without a guess at types, so that `1.10` stays what it is. */
import { FAILSAFE_SCHEMA, loadAll } from 'js-yaml';

/** All documents; values are strings, lists and maps. Throws what the parser throws; a machine's YAML has no aliases. */
export function parseYaml(text: string, maxAliases = 0): unknown[] {
  return loadAll(text.replace(/^\uFEFF/, ''), { schema: FAILSAFE_SCHEMA, maxAliases });
}

export type YamlMap = Record<string, unknown>;

export function isMap(value: unknown): value is YamlMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A member that is a map, else an empty one. */
export function mapAt(value: unknown, name: string): YamlMap {
  const found = isMap(value) ? value[name] : undefined;
  return isMap(found) ? found : {};
}

const MARKERS = /^(<{7}|={7}|>{7})( |$)/m;

/** Whether git has left a merge's conflict in it. */
export function hasConflict(text: string): boolean {
  return MARKERS.test(text);
}
