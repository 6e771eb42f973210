/**
 * Node's own SQLite. Until Node 24 it says on stderr that it is experimental, which is no news to whoever reads a build's log;
 * every other warning stays.
 */
type Sqlite = typeof import('node:sqlite');

let loaded: Sqlite | undefined;

export function loadSqlite(): Sqlite {
  loaded ??= withoutSqliteWarning(() => process.getBuiltinModule('node:sqlite'));
  return loaded;
}

/** Runs `load`, during which the one warning is dropped. */
export function withoutSqliteWarning<T>(load: () => T): T {
  const { emitWarning } = process;
  process.emitWarning = ((warning: string | Error, ...rest: never[]) => {
    const text = typeof warning === 'string' ? warning : warning.message;
    if (!/^SQLite is an experimental feature/.test(text)) emitWarning.call(process, warning, ...rest);
  }) as typeof process.emitWarning;
  try {
    return load();
  } finally {
    process.emitWarning = emitWarning;
  }
}
