/** Facts that switch profiles of the reactor on: files that exist, properties, variables, the system. Only what is asked for. */
import { dirname, resolve } from 'node:path';
import { type Input, valueInput } from '../fingerprint.ts';
import { isThere } from '../project-place.ts';
import type { Pom } from './pom.ts';
import { child, textAt } from './xml.ts';

export interface ActivationFacts {
  properties: ReadonlyMap<string, string>;
  env: Readonly<Record<string, string | undefined>>;
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
      if (property !== undefined) add(`property ${property}`, factOf(property, facts) ?? '');
      if (child(activation, 'os') !== undefined) add('os', `${process.platform} ${process.arch}`);
      const file = child(activation, 'file');
      for (const path of [textAt(file, 'exists'), textAt(file, 'missing')]) {
        if (path === undefined) continue;
        const place = path.replace(/\$\{(project\.)?basedir\}/g, dirname(pom.path));
        add(`file ${path}`, String(await isThere(resolve(dirname(pom.path), place))));
      }
    }
  }
  return [...inputs.values()];
}

function factOf(property: string, facts: ActivationFacts): string | undefined {
  return property.startsWith('env.')
    ? facts.env[property.slice('env.'.length)]
    : facts.properties.get(property);
}
