/** Which packages pnpm lets run install scripts: those that its settings name, by name, pattern or `name@version`. */

/** Those of `packages` that `allowed` names; all where there is no such list. */
export function allowedToBuild(
  packages: readonly [name: string, version: string][],
  allowed: readonly string[] | undefined,
): [name: string, version: string][] {
  const patterns = (allowed ?? ['*']).map((one) => {
    const at = one.indexOf('@', 1);
    const name = at < 0 ? one : one.slice(0, at);
    const source = name.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
    return new RegExp(`^${source.join('.*')}$`);
  });
  return packages.filter(([name]) => patterns.some((pattern) => pattern.test(name)));
}
