/** What of pnpm's store belongs to a lockfile: by the index of pnpm 10, which are files, and that of pnpm 11, which is a database. */
import { hash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type Test, test } from 'tap';
import {
  INDEX_ROOT,
  type IndexRecord,
  keepIndex,
  readIndex,
} from '#runner-plugin/fingerprint/node-project/kept-index.ts';
import type { StandIn } from '#runner-plugin/fingerprint/plan.ts';
import { filesBelow } from '../../../system/stored-contents.ts';
import { LOCK, pnpmProject } from './fixture.ts';

const hex = (text: string) => hash('sha512', text, 'hex');
const integrity = (text: string) => `sha512-${hash('sha512', text, 'base64')}`;
const fileOf = (text: string, executable = false) =>
  `files/${hex(text).slice(0, 2)}/${hex(text).slice(2)}${executable ? '-exec' : ''}`;
const TARBALLS = {
  left: integrity('left.tgz'),
  tool: integrity('tool.tgz'),
  foreign: integrity('foreign.tgz'),
};
const NAMED = LOCK.replace('sha512-AAAA', TARBALLS.left).replace('sha512-BBBB', TARBALLS.tool);

/** A store of pnpm's with packages, of each one file and what is executable. */
interface Store {
  place: string;
  add(name: string, tarball: string, contents: Record<string, 'file' | 'executable'>): void;
}

function storeAt(place: string, major: 10 | 11): Store {
  const write = (path: string, text: string | Buffer) => {
    mkdirSync(dirname(join(place, path)), { recursive: true });
    writeFileSync(join(place, path), text);
  };
  const indexFile = (name: string, tarball: string) => {
    const digits = Buffer.from(tarball.slice('sha512-'.length), 'base64').toString('hex').slice(0, 64);
    return `index/${digits.slice(0, 2)}/${digits.slice(2)}-${name}.json`;
  };
  const withRows = <T>(use: (db: DatabaseSync) => T): T => {
    mkdirSync(place, { recursive: true });
    const db = new DatabaseSync(join(place, 'index.db'));
    db.exec(
      'CREATE TABLE IF NOT EXISTS package_index (key TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID',
    );
    try {
      return use(db);
    } finally {
      db.close();
    }
  };
  return {
    place,
    add(name, tarball, contents) {
      for (const [text, kind] of Object.entries(contents)) write(fileOf(text, kind === 'executable'), text);
      if (major === 10) {
        const files = Object.entries(contents).map(([text, kind]) => [
          text,
          { integrity: integrity(text), mode: kind === 'file' ? 0o644 : 0o755, size: text.length },
        ]);
        write(indexFile(name, tarball), JSON.stringify({ name, files: Object.fromEntries(files) }));
        return;
      }
      // Packed as MessagePack has texts of that length; the rest is of no concern here.
      const texts = Object.keys(contents).map((text) => Buffer.from(`\xd9\x80${hex(text)}`, 'latin1'));
      const data = Buffer.concat([Buffer.from(`\xde\x00${name}`, 'latin1'), ...texts, Buffer.from('0')]);
      withRows((db) =>
        db.prepare('INSERT INTO package_index VALUES (?, ?)').run(`${tarball}\t${name}`, data),
      );
    },
  };
}

async function setUp(t: Test, major: 10 | 11) {
  const { folder, home, plan } = pnpmProject(t, { 'pnpm-lock.yaml': NAMED });
  const store = storeAt(join(home, `.local/share/pnpm/store/v${major}`), major);
  const version = major === 10 ? '10.34.9' : '11.28.11';
  const { standIn } = await plan({ version, env: { CACHALOT_HOME: join(home, 'state') } });
  const notes: string[] = [];
  const found = standIn as StandIn;
  return {
    folder,
    home,
    store,
    standIn: found,
    notes,
    kept: found.roots.find(({ root }) => root === INDEX_ROOT)?.place ?? '',
    select: async () => found.roots[0]?.select?.((note) => notes.push(note)),
  };
}

const packagesIn = (records: readonly IndexRecord[]) =>
  records.map(({ name }) => /[a-z]+@[\d.]*\d/.exec(name)?.[0]).sort();

for (const major of [10, 11] as const) {
  test(`pnpm ${major}: saved are the files of the packages that the lockfile names, and what the index says of these`, async (t) => {
    const { store, kept, select, notes } = await setUp(t, major);
    store.add('left@1.2.0', TARBALLS.left, { 'in left': 'file', 'in both': 'file', 'a bin': 'executable' });
    store.add('foreign@1.0.0', TARBALLS.foreign, { secret: 'file', 'in both': 'file' });
    const contents = [fileOf('in left'), fileOf('in both'), fileOf('a bin', true)].sort();
    t.same(await select(), contents);
    t.same(packagesIn(readIndex(kept)), ['left@1.2.0']);
    t.same(notes, []);

    writeFileSync(join(store.place, fileOf('in left')), 'changed by a script');
    t.same(
      await select(),
      contents.filter((path) => path !== fileOf('in left')),
    );
  });

  test(`pnpm ${major}: restored is what the lockfile names, and added to what the store knows`, async (t) => {
    const { home, store, standIn, kept } = await setUp(t, major);
    const saved = storeAt(join(home, 'saved'), major);
    saved.add('left@1.2.0', TARBALLS.left, { 'in left': 'file' });
    saved.add('tool@2.0.0', TARBALLS.tool, { 'in tool': 'file' });
    saved.add('gone@1.0.0', TARBALLS.foreign, { 'in gone': 'file', 'in both': 'file' });
    await keepIndex(kept, recordsOf(saved, major));
    const wants = standIn.roots[0]?.wants?.((root) => (root === INDEX_ROOT ? kept : undefined));
    const asked = ['in left', 'in tool', 'in gone', 'in both'].map((text) => wants?.(fileOf(text)));
    t.same(asked, [true, true, false, false]);

    store.add('left@1.2.0', TARBALLS.left, { 'as it is here': 'file' });
    const [before] = recordsOf(store, major);
    await standIn.settle?.();
    const after = recordsOf(store, major);
    t.same(packagesIn(after), ['left@1.2.0', 'tool@2.0.0']);
    t.ok(
      after.some(({ data }) => before?.data.equals(data)),
      'what the store knew stays',
    );
    t.notOk(existsSync(kept));
    const whole = standIn.roots[0]?.wants?.(() => undefined);
    t.equal(whole?.('files/aa/bb'), true, 'an entry without an index is of a whole store');
  });
}

function recordsOf({ place }: Store, major: 10 | 11): IndexRecord[] {
  if (major === 10)
    return filesBelow(join(place, 'index')).map((path) => {
      const name = `index/${path}`;
      return { name, data: readFileSync(join(place, name)) };
    });
  const db = new DatabaseSync(join(place, 'index.db'));
  try {
    return db
      .prepare('SELECT key, data FROM package_index')
      .all()
      .map(({ key, data }) => ({ name: String(key), data: Buffer.from(data as Uint8Array) }));
  } finally {
    db.close();
  }
}

test('a store whose index is not understood is saved whole, and that is said', async (t) => {
  const damage: Record<string, (place: string) => void> = {
    'no database': (place) => writeFileSync(join(place, 'index.db'), 'no database'),
    'another table': (place) => new DatabaseSync(join(place, 'index.db')).exec('CREATE TABLE other (x)'),
    'rows elsewhere': (place) => writeFileSync(join(place, 'index.fallback'), ''),
    'rows that name no file': (place) => {
      const db = new DatabaseSync(join(place, 'index.db'));
      db.exec('CREATE TABLE package_index (key TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID');
      db.prepare('INSERT INTO package_index VALUES (?, ?)').run(
        `${TARBALLS.left}\tleft@1.2.0`,
        Buffer.from('x'),
      );
      db.close();
    },
  };
  for (const [what, make] of Object.entries(damage)) {
    const { store, kept, select, notes } = await setUp(t, 11);
    const path = join(store.place, fileOf('anything'));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, 'anything');
    make(store.place);
    t.ok((await select())?.includes(fileOf('anything')), what);
    t.match(notes, [/saved whole/], what);
    t.same(readIndex(kept), []);
  }
});

test('a record becomes a path only in pnpm’s index', async (t) => {
  const { home, store, standIn, kept } = await setUp(t, 10);
  const saved = storeAt(join(home, 'saved'), 10);
  saved.add('left@1.2.0', TARBALLS.left, { 'in left': 'file' });
  const [record] = recordsOf(saved, 10);
  const [prefix = ''] = (record?.name ?? '').split('-');
  await keepIndex(kept, [
    { name: `${prefix}-/../../../escaped.json`, data: record?.data ?? Buffer.alloc(0) },
  ]);
  await standIn.settle?.();
  t.notOk(existsSync(join(store.place, 'index')));
  t.notOk(existsSync(join(store.place, 'escaped.json')) || existsSync(join(home, 'escaped.json')));
});
