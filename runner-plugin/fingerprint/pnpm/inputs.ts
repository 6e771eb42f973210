/** The inputs of a pnpm project's key, but for the salt. */
import { join } from 'node:path';
import { type Input, valueInput } from '../fingerprint.ts';
import { contentInputs } from '../node-project/content.ts';
import { fieldsInput } from '../node-project/fields.ts';
import { nodeVersion } from '../node-project/manager-version.ts';
import { isOn } from '../node-project/settings.ts';
import { scriptVariables } from '../node-project/variables.ts';
import { nodeFacts } from '../npm/manager.ts';
import { type PackageJson, readPackageJson } from '../npm/package-json.ts';
import { systemFacts } from '../npm/system.ts';
import type { Project } from './project.ts';
import { mayBuild, pnpmSettingInputs } from './settings.ts';

/** Throws INPUT_UNREADABLE. */
export async function inputsOf(
  project: Project,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Input[]> {
  const { place, lockfile, settings, version } = project;
  const { folder, packageJson } = place;
  const node = await nodeFacts(env);
  const members: [string, PackageJson][] = [];
  for (const importer of lockfile.importers) {
    const member =
      importer === '.' ? undefined : await readPackageJson(join(folder, importer, 'package.json'));
    if (member !== undefined) members.push([importer, member]);
  }
  const allowed = mayBuild(settings);
  const inputs = [
    ...lockfile.inputs,
    valueInput('pnpm', version ?? 'none'),
    valueInput('node abi', node.abi),
    valueInput('platform', node.platform),
    valueInput('arch', node.arch),
    fieldsInput('package.json', packageJson, true),
    ...members.map(([importer, member]) => fieldsInput(`${importer}/package.json`, member, false)),
    ...pnpmSettingInputs(settings),
    ...scriptVariables(
      new Set(lockfile.packages.map(([name]) => name)),
      lockfile.inputs.map(({ digest }) => digest).join(),
      env,
    ),
    ...(await contentInputs('patches', folder, ['patches', ...lockfile.patches])),
    ...(await contentInputs('pnpmfile', folder, ['.pnpmfile.cjs', '.pnpmfile.mjs'])),
    ...(await contentInputs('local packages', folder, lockfile.localFolders)),
  ];
  if (lockfile.bindsToPlatform || allowed === undefined || allowed.length > 0) {
    const system = await systemFacts();
    inputs.push(valueInput('libc', system.libc ?? 'none'), valueInput('os', system.os));
  }
  if (lockfile.bindsToNode || isOn(settings, 'engine-strict'))
    inputs.push(valueInput('node version', await nodeVersion(env, folder)));
  return inputs;
}
