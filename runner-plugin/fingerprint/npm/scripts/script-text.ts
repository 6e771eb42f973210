/** What npm runs for an event of a package. */

/** npm builds a package that has a `binding.gyp` and says nothing of its own. */
const DEFAULT_INSTALL = 'node-gyp rebuild';

export function scriptText({ scripts }: Record<string, unknown>, event: string): string {
  const text =
    typeof scripts === 'object' && scripts !== null ? (scripts as Record<string, unknown>)[event] : undefined;
  return typeof text === 'string' && text !== '' ? text : event === 'install' ? DEFAULT_INSTALL : '';
}
