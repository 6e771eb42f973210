/**
 * What Maven resolves, told by an extension of ours, for the Mavens before 3.9 that cannot write it down themselves. Jenkins'
 * Maven step does the same: `maven.ext.class.path` names a folder with a class that is told of every artifact, once.
 */
import { mkdir, readFile, realpath, writeFile } from 'node:fs/promises';
import { delimiter, join, sep } from 'node:path';
import { isFrom } from './hand-over.ts';
import { RESOLVED_SPY } from './spy-class.ts';

const CLASS_PATH = 'maven.ext.class.path';

const COMPONENTS = `<component-set><components><component>
<role>org.apache.maven.eventspy.EventSpy</role><role-hint>cachalot</role-hint><implementation>cachalot.ResolvedSpy</implementation>
</component></components></component-set>`;

/** From 3.3 on what the class names is there, and the Java that it is compiled for. */
export function canSpy(version: string): boolean {
  return isFrom(version, 3, 3);
}

/** `folder`: where the extension and what it writes go. `defined`: the properties that the user defines. */
export async function spyIn(
  folder: string,
  { defined, repository }: { defined: ReadonlyMap<string, string>; repository: string },
): Promise<{ words: string[]; read(): Promise<Set<string> | undefined> }> {
  const resolved = join(folder, 'resolved');
  await mkdir(join(folder, 'META-INF', 'plexus'), { recursive: true });
  await mkdir(join(folder, 'cachalot'));
  await writeFile(join(folder, 'META-INF', 'plexus', 'components.xml'), COMPONENTS);
  await writeFile(join(folder, 'cachalot', 'ResolvedSpy.class'), Buffer.from(RESOLVED_SPY, 'base64'));
  const path = [defined.get(CLASS_PATH), folder].filter(Boolean).join(delimiter);
  return {
    words: [`-D${CLASS_PATH}=${path}`, `-Dcachalot.resolved=${resolved}`],
    async read() {
      const text = await readFile(resolved, 'utf8').catch(() => undefined);
      if (text === undefined) return undefined;
      const real = await realpath(repository).catch(() => repository);
      const below = [repository, real].map((place) => place + sep);
      return new Set(
        text.split('\n').flatMap((path) => {
          const start = below.find((one) => path.startsWith(one));
          return start === undefined ? [] : [path.slice(start.length)];
        }),
      );
    },
  };
}
