// Makes the two bundles that the package holds: `dist/cachalot.mjs`, the runner's part, one file that needs nothing
// beside it, and `dist/server.mjs`, which the runner's part reaches by dynamic import in `serve` and `admin`.
//
// Plain JavaScript, because `prepare` may be run by a Node that does not strip types.

import { createHash, randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { init, parse } from 'es-module-lexer';
import { build } from 'esbuild';

const project = dirname(dirname(fileURLToPath(import.meta.url)));

/** What the interactive page at /docs needs of its package's static files; the rest is source for other set-ups. */
const DOCS_UI_FILES = [
  'favicon-16x16.png',
  'favicon-32x32.png',
  'index.css',
  'logo.svg',
  'oauth2-redirect.html',
  'oauth2-redirect.js',
  'swagger-ui-bundle.js',
  'swagger-ui-standalone-preset.js',
  'swagger-ui.css',
];

/** The bundles, with the programs of the threads that each starts (start-worker.ts), by role. */
const BUNDLES = [
  {
    entry: 'cli/main.ts',
    file: 'cachalot.mjs',
    workers: {
      pack: 'runner-plugin/archive/pack-worker.ts',
      unpack: 'runner-plugin/archive/unpack-worker.ts',
    },
  },
  {
    entry: 'server/main.ts',
    file: 'server.mjs',
    workers: { verify: 'server/verify/verify-worker.ts' },
  },
];

/**
 * Writes the bundles into `out`. Every file is put in place by a rename, and one that would not change is left
 * alone, so that a program that is being started meanwhile never reads half a file.
 *
 * @param {string} out
 * @returns {Promise<{ file: string, bytes: number, modules: string[] }[]>} what was bundled, with the source files,
 * relative to the project, that each bundle holds
 */
export async function bundle(out = join(project, 'dist')) {
  await init;
  await mkdir(out, { recursive: true });
  const packages = new Set();
  const made = [];
  for (const { entry, file, workers } of BUNDLES) {
    const programs = await Promise.all(
      Object.entries(workers).map(async ([role, module]) => ({ role, ...(await bundleOf(module, 'iife')) })),
    );
    const whole = await bundleOf(entry, 'esm', {
      define: {
        __CACHALOT_WORKERS__: JSON.stringify(
          Object.fromEntries(programs.map(({ role, text }) => [role, text])),
        ),
      },
      plugins: [
        undiciInPart,
        commanderAlone,
        docsUiBesideBundle,
        ...(entry === 'cli/main.ts' ? [serverApart] : []),
      ],
    });
    const text = await finish(whole.text, entry === 'cli/main.ts');
    await put(join(out, file), text, 0o755);
    const modules = [...new Set([whole, ...programs].flatMap((made) => made.modules))];
    for (const module of modules) {
      const found = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(module);
      if (found?.[1]) packages.add(found[1]);
    }
    made.push({ file, bytes: Buffer.byteLength(text), modules });
  }
  if (packages.has('node_modules/@fastify/swagger-ui')) await putDocsUi(join(out, 'docs-ui'));
  if (packages.has('node_modules/@bull-board/api')) {
    await putQueueBoard(join(out, 'bull-board/dist'));
    packages.add('node_modules/@bull-board/ui');
  }
  await put(join(out, 'third-party-licenses.txt'), await licences([...packages].sort()), 0o644);
  return made;
}

/**
 * @param {string} entry
 * @param {'esm' | 'iife'} format
 * @param {import('esbuild').BuildOptions} [more]
 * @returns {Promise<{ text: string, modules: string[] }>} with the source files, relative to the project
 */
async function bundleOf(entry, format, more = {}) {
  const result = await build({
    absWorkingDir: project,
    entryPoints: [entry],
    write: false,
    bundle: true,
    metafile: true,
    platform: 'node',
    format,
    target: 'node22.15',
    // Names stay, so that a stack trace from somebody's pipeline can be read.
    minifySyntax: true,
    minifyWhitespace: true,
    // One byte a character: Node reads it, and V8 keeps it, in half the memory.
    charset: 'ascii',
    legalComments: 'none',
    logLevel: 'silent',
    ...more,
    plugins: [manifestInShort, builtinsWithoutFacade, ...(more.plugins ?? [])],
  });
  const [output] = result.outputFiles ?? [];
  if (output === undefined) throw new Error(`${entry}: esbuild wrote nothing`);
  return { text: output.text, modules: Object.keys(result.metafile?.inputs ?? {}) };
}

/**
 * `import(...)` of the server stays an import of the other bundle. Anything else of the server in the runner's part
 * would be carried along unseen, so it stops the build.
 *
 * @type {import('esbuild').Plugin}
 */
const serverApart = {
  name: 'server apart',
  setup(build) {
    build.onResolve({ filter: /^#server\// }, (args) => {
      if (args.kind === 'dynamic-import' && args.path === '#server/main.ts')
        return { path: './server.mjs', external: true };
      return {
        errors: [
          {
            text: `${relative(project, args.importer)} imports ${args.path}: the runner's part reaches the server by import('#server/main.ts') alone; export from there what is needed`,
          },
        ],
      };
    });
  },
};

/**
 * Of package.json a program asks its name and version; the rest would only be ballast in each bundle.
 *
 * @type {import('esbuild').Plugin}
 */
const manifestInShort = {
  name: 'manifest in short',
  setup(build) {
    build.onLoad({ filter: /[/\\]package\.json$/ }, async (args) => {
      if (dirname(args.path) !== project) return undefined;
      const { name, version } = JSON.parse(await readFile(args.path, 'utf8'));
      return { loader: 'json', contents: JSON.stringify({ name, version }) };
    });
  },
};

/**
 * An `import` of one of Node's own modules makes Node read every property of it, so that each becomes an export; some of them
 * load further modules when they are read (fs its streams and promises, and with them readline). That is some 50 ms for each
 * process and each thread. Asked for by name, a module is handed over as it is.
 *
 * @type {import('esbuild').Plugin}
 */
const builtinsWithoutFacade = {
  name: 'builtins without facade',
  setup(build) {
    const names = new Set(builtinModules.filter((name) => !name.startsWith('_')));
    build.onResolve({ filter: /^(node:)?[a-z_]+(\/[a-z]+)*$/ }, ({ path, kind }) => {
      const name = path.replace(/^node:/, '');
      if (!(names.has(name) || path.startsWith('node:')) || kind === 'entry-point') return undefined;
      return { path: `node:${name}`, namespace: kind === 'require-call' ? 'builtin' : 'builtin-names' };
    });
    const whole = (/** @type {string} */ path) => `process.getBuiltinModule(${JSON.stringify(path)})`;
    build.onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({
      loader: 'js',
      contents: `module.exports = ${whole(path)};`,
    }));
    // Each name is an export of its own, and those that nobody imports are left out.
    build.onLoad({ filter: /.*/, namespace: 'builtin-names' }, async ({ path }) => ({
      loader: 'js',
      contents: [
        `const builtin = ${whole(path)};\nexport default builtin;`,
        ...Object.keys(await import(path))
          .filter((name) => name !== 'default' && name !== 'module.exports')
          .map((name) => `export const ${name} = /* @__PURE__ */ (() => builtin.${name})();`),
      ].join('\n'),
    }));
  },
};

/**
 * commander can start programs for subcommands, which we have none of; loading what it would do that with takes every command
 * five milliseconds.
 *
 * @type {import('esbuild').Plugin}
 */
const commanderAlone = {
  name: 'commander alone',
  setup(build) {
    build.onLoad({ filter: /[/\\]commander[/\\]lib[/\\]command\.js$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      const from = "import childProcess from 'node:child_process';";
      if (!text.includes(from)) return { errors: [{ text: `${path} no longer says ${from}` }] };
      return { loader: 'js', contents: text.replace(from, 'const childProcess = undefined;') };
    });
  },
};

/**
 * Loading the whole of undici, with its fetch, WebSockets, HTTP/2, mocks and caches, takes twice as long as loading the
 * dispatchers that we use, and each command of a pipeline would wait for it. A name that is not in this list stops the
 * build.
 *
 * @type {import('esbuild').Plugin}
 */
const undiciInPart = {
  name: 'undici in part',
  setup(build) {
    const parts = {
      Agent: 'dispatcher/agent.js',
      Client: 'dispatcher/client.js',
      EnvHttpProxyAgent: 'dispatcher/env-http-proxy-agent.js',
      Pool: 'dispatcher/pool.js',
      ProxyAgent: 'dispatcher/proxy-agent.js',
      buildConnector: 'core/connect.js',
      errors: 'core/errors.js',
    };
    const folder = join(project, 'node_modules/undici/lib');
    build.onResolve({ filter: /^undici$/ }, (args) =>
      args.importer.includes('node_modules') ? undefined : { path: 'undici', namespace: 'in-part' },
    );
    build.onResolve({ filter: /^part:/, namespace: 'in-part' }, (args) => ({
      path: join(folder, args.path.slice('part:'.length)),
      // So that what nobody imports is left out.
      sideEffects: false,
    }));
    // No dispatcher of ours offers HTTP/2.
    build.onLoad({ filter: /[/\\]undici[/\\]lib[/\\]dispatcher[/\\]client-h2\.js$/ }, () => ({
      loader: 'js',
      contents: "module.exports = () => { throw new Error('HTTP/2 was not offered'); };",
    }));
    build.onLoad({ filter: /^undici$/, namespace: 'in-part' }, () => ({
      resolveDir: project,
      contents: [
        // As undici's own entry does it, which has more of them; `connect` is for its proxies.
        `import Dispatcher from ${JSON.stringify(join(folder, 'dispatcher/dispatcher.js'))};`,
        `import request from ${JSON.stringify(join(folder, 'api/api-request.js'))};`,
        `import connect from ${JSON.stringify(join(folder, 'api/api-connect.js'))};`,
        'Object.assign(Dispatcher.prototype, { request, connect });',
        'export { Dispatcher };',
        ...Object.entries(parts).map(([name, file]) => `export { default as ${name} } from 'part:${file}';`),
      ].join('\n'),
    }));
  },
};

/**
 * @fastify/swagger-ui serves the files of its own folder, which a bundle does not have: they are copied beside the
 * bundle, and its two places that name the folder are turned there. Should a new version name it otherwise, the build
 * stops.
 *
 * @type {import('esbuild').Plugin}
 */
const docsUiBesideBundle = {
  name: 'docs ui beside bundle',
  setup(build) {
    const turns = new Map([
      [
        'index.js',
        ["path.join(__dirname, './static/logo.svg')", "path.join(__dirname, 'docs-ui', 'logo.svg')"],
      ],
      ['routes.js', ["path.join(__dirname, '..', 'static')", "path.join(__dirname, 'docs-ui')"]],
    ]);
    build.onLoad({ filter: /swagger-ui[/\\](index|lib[/\\]routes)\.js$/ }, async (args) => {
      const [from = '', to = ''] = turns.get(args.path.split(sep).at(-1) ?? '') ?? [];
      const text = await readFile(args.path, 'utf8');
      if (!text.includes(from)) return { errors: [{ text: `${args.path} no longer says ${from}` }] };
      return { loader: 'js', contents: text.replace(from, to) };
    });
  },
};

/**
 * Puts what must come first at the top of the bundle: in the runner's part the check that says itself which Node it needs, before
 * anything that an older one lacks is touched. No import is left in a bundle, so it links on any Node.
 *
 * @param {string} text
 * @param {boolean} isProgram
 */
async function finish(text, isProgram) {
  const left = parse(text)[0].find((found) => found.type === 'static');
  if (left !== undefined) throw new Error(`the bundle still imports ${left.specifier}`);
  const guard = isProgram ? await readFile(join(project, 'cli/old-node.mjs'), 'utf8') : '';
  return [
    isProgram ? '#!/usr/bin/env node\n' : '',
    // The launcher imports it, and TypeScript would follow.
    '// @ts-nocheck\n',
    guard,
    // Packages in CommonJS call `require`, and two or three ask where they lie.
    'const require=process.getBuiltinModule("module").createRequire(import.meta.url),__filename=process.getBuiltinModule("url").fileURLToPath(import.meta.url),__dirname=process.getBuiltinModule("path").dirname(__filename);\n',
    text,
  ].join('');
}

/** @param {string} to */
async function putDocsUi(to) {
  const from = join(project, 'node_modules/@fastify/swagger-ui/static');
  await mkdir(to, { recursive: true });
  for (const name of DOCS_UI_FILES) await put(join(to, name), await readFile(join(from, name)), 0o644);
}

/**
 * The page of the job queues; of its languages the one that ours are in (server/web/queue-board.ts).
 *
 * @param {string} to
 */
async function putQueueBoard(to) {
  const from = join(project, 'node_modules/@bull-board/ui/dist');
  for (const name of await readdir(from, { recursive: true })) {
    const isFile = /\.\w+$/.test(name);
    if (!isFile || (name.includes('locales') && !name.includes('en-US'))) continue;
    await mkdir(dirname(join(to, name)), { recursive: true });
    await put(join(to, name), await readFile(join(from, name)), 0o644);
  }
}

/**
 * What is bundled is passed on, so its licences are too.
 *
 * @param {string[]} packages folders, relative to the project
 */
async function licences(packages) {
  const parts = [
    'Cachalot is licensed under Apache-2.0 (LICENSE). Its bundles hold the following packages.\n',
  ];
  for (const folder of packages) {
    const { name, version, license } = JSON.parse(
      await readFile(join(project, folder, 'package.json'), 'utf8'),
    );
    const files = (await readdir(join(project, folder)))
      .filter((file) => /^(licen[cs]e|notice)/i.test(file))
      .sort();
    const texts = await Promise.all(files.map((file) => readFile(join(project, folder, file), 'utf8')));
    parts.push(`${'-'.repeat(80)}\n${name} ${version} (${license})\n\n${texts.join('\n').trim()}\n`);
  }
  return parts.join('\n');
}

/**
 * @param {string} file
 * @param {string | Buffer} content
 * @param {number} mode
 */
async function put(file, content, mode) {
  const wanted = createHash('sha256').update(content).digest('hex');
  const present = await readFile(file).catch(() => undefined);
  if (present && createHash('sha256').update(present).digest('hex') === wanted) return;
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await writeFile(temporary, content, { flag: 'wx' });
    await chmod(temporary, mode);
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
