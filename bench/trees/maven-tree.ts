/** A real Maven repository: what `mvn verify` of examples/maven-service leaves in an empty one. */
import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { timed } from '../stage/command.ts';
import type { Stage } from '../stage/stage.ts';
import { keptTree, type Tree } from './tree.ts';

export const mavenProject = fileURLToPath(new URL('../../examples/maven-service', import.meta.url));
const POMS = ['pom.xml', 'core/pom.xml', 'web/pom.xml', 'app/pom.xml'];

/** A home folder with `.m2/repository`, filled once. */
export async function mavenTree(stage: Stage): Promise<Tree> {
  const poms = await Promise.all(POMS.map((pom) => readFile(join(mavenProject, pom), 'utf8')));
  return keptTree(
    stage,
    { name: 'maven-tree', title: 'Maven repository', root: '.m2/repository', madeOf: poms.join('\n') },
    async (folder) => {
      const checkout = join(stage.folder, 'maven-service');
      await cp(mavenProject, checkout, { recursive: true, filter: (path) => !path.endsWith('/target') });
      await timed(
        stage,
        ['mvn', '-B', '-q', `-Dmaven.repo.local=${join(folder, '.m2/repository')}`, 'verify'],
        {
          cwd: checkout,
        },
      );
    },
  );
}
