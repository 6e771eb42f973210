/** For tests that are run by root: does something as a user who may not do everything. */

const NOBODY = 65534;

interface Teardown {
  teardown(after: () => void): void;
}

/** From here to the end of the test. Whoever is no root stays who they are. Returns whether file modes hold us back now. */
export function becomeNobody(t: Teardown): boolean {
  if (process.geteuid?.() !== 0) return process.platform !== 'win32';
  process.setegid?.(NOBODY);
  process.seteuid?.(NOBODY);
  t.teardown(() => {
    process.seteuid?.(0);
    process.setegid?.(0);
  });
  return true;
}
