import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { emptyNames, wrongArrows } from './arrows.ts';

const project = fileURLToPath(new URL('../..', import.meta.url));
const FLOORS = ['cli', 'runner-plugin', 'server', 'protocol'];

/** Sources of the project, as paths from its root. */
function sources(folder: string): string[] {
  if (!existsSync(`${project}${folder}`)) return [];
  return readdirSync(`${project}${folder}`, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile() && /\.[cm]?[jt]s$/.test(each.name))
    .map((each) => `${each.parentPath}/${each.name}`.slice(project.length).replaceAll('\\', '/'))
    .filter((file) => !file.includes('node_modules/'));
}

t.test('imports point down only', async (t) => {
  const files = FLOORS.flatMap(sources);
  t.ok(files.length > 0, 'there are sources');
  const wrong = files.flatMap((file) => wrongArrows(file, readFileSync(`${project}${file}`, 'utf8')));
  t.strictSame(wrong, []);
});

t.test('every name says what is there', async (t) => {
  const files = [...FLOORS, 'bench', 'demo', 'test', 'toolchain'].flatMap(sources);
  t.strictSame(
    files.filter((file) => emptyNames(file).length > 0),
    [],
  );
});

t.test('a forbidden arrow is found', async (t) => {
  const forbidden: Record<string, [file: string, source: string]> = {
    'protocol reaches up': ['protocol/wire/a.ts', `import { x } from '#server/app.ts';`],
    'protocol reaches up for a type': ['protocol/wire/a.ts', `import type { X } from '#runner-plugin/x.ts';`],
    'runner-plugin and server meet': ['runner-plugin/client/a.ts', `export * from '#server/auth/grant.ts';`],
    'server and runner-plugin meet': [
      'server/app.ts',
      `const x = await import('#runner-plugin/archive/x.ts');`,
    ],
    'by a relative path': ['server/app.ts', `import '../runner-plugin/archive/x.ts';`],
    'down, but by a relative path': [
      'server/store/a.ts',
      `import { x } from '../../protocol/format/key.ts';`,
    ],
    'by a worker': ['server/a.ts', `new Worker(new URL('../runner-plugin/worker.ts', import.meta.url));`],
    'cli loads the server at once': ['cli/serve.ts', `import {\n  serve,\n} from '#server/main.ts';`],
    'cli loads the server elsewhere': ['cli/run.ts', `await import('#server/main.ts');`],
    'a route reaches the store': [
      'server/api/segments.ts',
      `import { open } from '../store/file-system.ts';`,
    ],
    'a registry reaches the index': [
      'server/registry/pull.ts',
      `import type { Index } from '../index/contract.ts';`,
    ],
    'compat reaches the store by name': [
      'server/compat/gha/a.ts',
      `import type { S } from '#server/store/s.ts';`,
    ],
    'a test is imported': ['server/app.ts', `import { need } from '../test/needs.ts';`],
  };
  for (const [name, [file, source]] of Object.entries(forbidden))
    t.equal(wrongArrows(file, source).length, 1, name);
});

t.test('an arrow that points down is let through', async (t) => {
  const allowed: [file: string, source: string][] = [
    [
      'cli/run.ts',
      `import { x } from '#runner-plugin/client/x.ts';\nimport { y } from '#protocol/wire/y.ts';`,
    ],
    ['cli/serve.ts', `const { serve } = await import('#server/main.ts');`],
    ['cli/commands/admin/token.ts', `const { admin } = await import('#server/main.ts');`],
    ['cli/main.ts', `import manifest from '../package.json' with { type: 'json' };`],
    ['server/entries/commit.ts', `import { x } from '../store/contract.ts';`],
    ['server/api/segments.ts', `import { x } from '../entries/commit.ts';\nimport fs from 'node:fs';`],
    ['protocol/wire/a.ts', `// import { x } from '#server/app.ts';\nimport { Type } from 'typebox';`],
    ['bench/main.ts', `import { x } from '#server/app.ts';`],
  ];
  for (const [file, source] of allowed) t.strictSame(wrongArrows(file, source), [], file);
});

t.test('a name that says nothing is found', async (t) => {
  t.strictSame(emptyNames('server/utils/time.ts'), ['utils']);
  t.strictSame(emptyNames('server/store/helpers.ts'), ['helpers.ts']);
  t.strictSame(emptyNames('runner-plugin/fingerprint/package-manager.ts'), []);
});
