/** A kind for tests: one lockfile, `lock`, whose lines are `package version`, and one folder, `deps`. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CUTS } from '#protocol/format/limits.ts';
import { fault } from '#protocol/wire/errors.ts';
import { fingerprintOf, setInput, valueInput } from '#runner-plugin/fingerprint/fingerprint.ts';
import type { Detection, KindDetector, Plan } from '#runner-plugin/fingerprint/plan.ts';

type Kinds = Record<string, () => Promise<KindDetector>>;

/** `change` sees each plan before it is used. `name` is the project's: entries of two projects have nothing to do with each other. */
export function kindOf(
  kind: string,
  lock: string,
  change: (plan: Plan, detection: Detection) => Partial<Plan> = () => ({}),
  name = 'project',
): Kinds {
  const detector: KindDetector = {
    kind,
    owns: (command) => command[0] === kind,
    async detect(detection) {
      const { folder, command, salt } = detection;
      const path = join(folder, lock);
      if (!existsSync(path)) return [];
      const text = readFileSync(path, 'utf8');
      if (text.startsWith('!')) throw fault('LOCKFILE_UNREADABLE', { path, why: 'it begins with !' });
      const lines = text
        .split('\n')
        .filter(Boolean)
        .map((line): [string, string] => {
          const [name = '', version = ''] = line.split(' ');
          return [name, version];
        });
      const inputs = [setInput('lockfile', lines), valueInput('tool', '1')];
      const root = `${lock}-deps`;
      const plan: Plan = {
        fingerprint: fingerprintOf(kind, name, inputs, salt),
        roots: [
          { root: `workspace:${root}`, place: join(folder, root), restore: 'replace', modes: 'executable' },
        ],
        folder,
        cut: CUTS.default,
        keepTimes: false,
        nearKeys: [],
        ...(command === undefined ? {} : { recorded: [...command] }),
        notes: [],
      };
      return [{ ...plan, ...change(plan, detection) }];
    },
  };
  return { [kind]: async () => detector };
}
