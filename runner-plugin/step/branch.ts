/** Whether this build is of the default branch, as far as the CI system says; `--save default-branch` asks. */
import type { NamedRefs } from '#protocol/wire/ref-headers.ts';
import { readRefs } from '../client/refs.ts';
import type { Environment } from '../client/state-folder.ts';

/** What a default branch is called where nobody says which it is. */
const USUAL = ['refs/heads/main', 'refs/heads/master'];

/** False where it is not known: a build that should not save must not. */
export async function isDefaultBranch(env: Environment): Promise<boolean> {
  // A variable that cannot be used is the client's to report.
  const refs: NamedRefs = await readRefs(env).catch(() => ({}));
  if (refs.own === undefined) return false;
  return refs.default === undefined ? USUAL.includes(refs.own) : refs.own === refs.default;
}
