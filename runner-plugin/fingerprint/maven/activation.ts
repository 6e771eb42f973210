/** Facts that switch profiles of the reactor on: files that exist, properties, variables, the system. Only what is asked for. */
import { release } from 'node:os';
import { dirname, resolve } from 'node:path';
import { type Input, valueInput } from '../fingerprint.ts';
import { isThere } from '../project-place.ts';
import { isSecretName } from '../secret.ts';
import { type Pom, references } from './pom.ts';
import { child, textAt } from './xml.ts';

export interface ActivationFacts {
  properties: ReadonlyMap<string, string>;
  env: Readonly<Record<string, string | undefined>>;
  /** The JDK's whole version. */
  jdk: string;
}

/** One input a fact, by name; a variable's value by digest only. */
export async function activationInputs(poms: readonly Pom[], facts: ActivationFacts): Promise<Input[]> {
  const inputs = new Map<string, Input>();
  const add = (name: string, value: string) => inputs.set(name, valueInput(`activation ${name}`, value));
  for (const pom of poms) {
    for (const profile of child(pom.project, 'profiles')?.children ?? []) {
      const activation = child(profile, 'activation');
      if (activation === undefined) continue;
      const property = textAt(activation, 'property', 'name')?.replace(/^!/, '');
      // Maven 4's conditions are expressions; what they name is what they ask for.
      const condition = textAt(activation, 'condition') ?? '';
      for (const name of [...(property === undefined ? [] : [property]), ...references(condition)])
        if (!isSecretName(name)) add(`property ${name}`, factOf(name, facts));
      const asksVersion =
        textAt(activation, 'os', 'version') !== undefined || condition.includes('os.version');
      if (child(activation, 'os') !== undefined || /\bos\./.test(condition))
        // A kernel's version is another on every other runner.
        add('os', [process.platform, process.arch, ...(asksVersion ? [release()] : [])].join(' '));
      if (child(activation, 'jdk') !== undefined || /\bjava\./.test(condition)) add('jdk', facts.jdk);
      const file = child(activation, 'file');
      const paths = [textAt(file, 'exists'), textAt(file, 'missing'), ...quoted(condition)];
      for (const path of paths) {
        if (path === undefined) continue;
        const folder = dirname(pom.path);
        const place = path.replace(/\$\{(project\.)?basedir\}/g, folder);
        add(`file ${path}`, String(await isThere(resolve(folder, place))));
      }
    }
  }
  return [...inputs.values()];
}

function quoted(condition: string): string[] {
  return [...condition.matchAll(/'([^']*)'|"([^"]*)"/g)].map(([, single, double]) => single ?? double ?? '');
}

function factOf(property: string, { env, properties, jdk }: ActivationFacts): string {
  if (property.startsWith('env.')) return env[property.slice('env.'.length)] ?? '';
  return properties.get(property) ?? (property.startsWith('java.') ? jdk : '');
}
