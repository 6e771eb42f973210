/** Segments that reach a runner past the server: from a real bucket, and from a real nginx with the example's configuration. */
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { startFaultProxy } from '../fault-proxy.ts';
import { need } from '../needs.ts';
import { makeBucket } from '../s3/buckets.ts';
import { CREDENTIALS, needVersitygw, startVersitygw } from '../s3/versitygw.ts';
import { noise } from '../server/made-segments.ts';
import { type Place, place, readReport, tokenOf } from './cachalot.ts';
import { startExampleNginx } from './example-nginx.ts';

const MiB = 1024 * 1024;
const KEY = ['--key', 'a', '--path', 'tree'];

/** What comes along with a look-up. */
const INLINE = 4 * MiB;
const FILES = Array.from({ length: 8 }, (_, at) => ({ name: `${at}.bin`, bytes: noise(2 * MiB, at + 1) }));

async function saved(t: Test, here: Place): Promise<void> {
  mkdirSync(join(here.folder, 'tree'), { recursive: true });
  for (const { name, bytes } of FILES) writeFileSync(join(here.folder, 'tree', name), bytes);
  t.match(await here.cachalot(['save', ...KEY, '--strict']), { status: 0 });
  rmSync(join(here.folder, 'tree'), { recursive: true });
}

/** A restore into nothing: what it said, and whether the tree is there. */
async function restored(here: Place) {
  rmSync(join(here.folder, 'tree'), { recursive: true, force: true });
  const done = await here.cachalot(['restore', ...KEY, '--report', 'report.json']);
  const isWhole = FILES.every(({ name, bytes }) => {
    try {
      return readFileSync(join(here.folder, 'tree', name)).equals(bytes);
    } catch {
      return false;
    }
  });
  return { ...done, ...readReport(join(here.folder, 'report.json'), done), isWhole };
}

/** Of one figure of the server's. */
async function figure(url: string, line: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const found = text.split('\n').find((each) => each.startsWith(`${line} `));
  return Number(found?.slice(line.length) ?? 0);
}

const REDIRECTED = 'cachalot_passed_segments_total{way="redirect"}';
const HANDED_OUT = 'cachalot_passed_segments_total{way="accel"}';
const SENT = 'cachalot_sent_bytes_total';

async function withBucket(t: Test, delivery: string) {
  const versitygw = needVersitygw(t);
  if (versitygw === undefined) return undefined;
  const s3 = await startVersitygw(versitygw);
  t.teardown(() => s3.close());
  await makeBucket(s3.endpoint);
  const outside = await startFaultProxy(s3.port);
  t.teardown(() => outside.close());
  const here = place(t);
  const { accessKeyId, secretAccessKey } = CREDENTIALS;
  Object.assign(here.env, {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    CACHALOT_SERVER_S3_BUCKET: 'cachalot',
    CACHALOT_SERVER_S3_ENDPOINT: s3.endpoint,
    CACHALOT_SERVER_S3_PUBLIC_ENDPOINT: `http://127.0.0.1:${outside.port}`,
    CACHALOT_SERVER_SIGNING_KEY: join(here.folder, 'signing.pem'),
    CACHALOT_SERVER_DELIVERY: delivery,
  });
  const { url } = await here.serve();
  await saved(t, here);
  return { here, outside, url, objects: join(s3.folder, 'cachalot/segments') };
}

test('by redirect: the bytes come from the bucket, under the address that runners reach it by', async (t) => {
  const set = await withBucket(t, 'redirect');
  if (set === undefined) return;
  const { here, outside, url, objects } = set;
  const before = await figure(url, SENT);
  t.match(await restored(here), { status: 0, hit: 'exact', isWhole: true, warnings: [] });
  t.ok(outside.connections > 0);
  t.ok((await figure(url, REDIRECTED)) >= FILES.length - 2);
  t.ok((await figure(url, SENT)) - before <= INLINE, 'not through the server');

  await t.test('where the bucket cannot be reached, through the server', async (t) => {
    for (const fault of [{ refuse: true }, { cutAfter: MiB }]) {
      outside.set(fault);
      outside.cut();
      const { stderr, ...found } = await restored(here);
      t.match(found, { status: 0, hit: 'exact', isWhole: true });
      t.match(stderr, /what is left comes through the server/);
      t.notMatch(stderr, /X-Amz-|Signature/, 'and the address is not told');
    }
    outside.set({});
  });

  await t.test('what is damaged there comes through the server, which has it near, and heals', async (t) => {
    const [path] = readdirSync(objects, { recursive: true, withFileTypes: true })
      .filter((file) => file.isFile())
      .map(({ parentPath, name }) => join(parentPath, name))
      // The last of the archive: the first ones come along with the look-up.
      .filter((each) => readFileSync(each).includes(FILES.at(-1)?.bytes.subarray(0, 64) ?? ''));
    const bytes = readFileSync(path ?? '');
    bytes.writeUInt8(bytes.readUInt8(50) ^ 1, 50);
    writeFileSync(path ?? '', bytes);
    const { stderr, isWhole } = await restored(here);
    t.ok(isWhole);
    t.match(stderr, /damaged.*came through the server instead/);
    await saved(t, here);
    const again = await restored(here);
    t.match(again, { hit: 'exact', isWhole: true });
    t.notMatch(again.stderr, /through the server/);
  });

  await t.test('wrong bytes of the right length are read again through the server', async (t) => {
    await outside.close();
    const wrong = createServer((request, response) => {
      const name = decodeURIComponent(new URL(request.url ?? '', url).pathname)
        .split('/')
        .slice(2)
        .join('/');
      response.end(Buffer.alloc(statSync(join(objects, '..', name)).size));
    });
    await once(wrong.listen(outside.port, '127.0.0.1'), 'listening');
    const { stderr, ...found } = await restored(here);
    wrong.closeAllConnections();
    wrong.close();
    t.match(found, { status: 0, hit: 'exact', isWhole: true });
    t.match(stderr, /came through the server instead/);
    t.notMatch(stderr, /X-Amz-/);
  });
});

test('by itself: from near what is near, else from the bucket, and then it is near', async (t) => {
  const set = await withBucket(t, 'auto');
  if (set === undefined) return;
  const { here, url } = set;
  // What was saved is near at once, and unverified until it is read.
  t.match(await restored(here), { isWhole: true, warnings: [] });
  t.ok((await figure(url, REDIRECTED)) > 0);
  for (let tries = 0; tries < 10; tries++) {
    const before = await figure(url, REDIRECTED);
    t.match(await restored(here), { isWhole: true, warnings: [] });
    if ((await figure(url, REDIRECTED)) === before) return;
  }
  t.fail('nothing comes near');
});

test("by nginx with the example's configuration", async (t) => {
  if (!need(t, 'nginx')) return;
  const here = place(t);
  Object.assign(here.env, { CACHALOT_SERVER_DELIVERY: 'accel', CACHALOT_SERVER_AUTH_REQUIRED: 'true' });
  const { url } = await here.serve();
  Object.assign(here.env, { CACHALOT_TOKEN: await tokenOf(here), CACHALOT_REF: 'refs/heads/main' });
  const nginx = await startExampleNginx(t, { servers: [url], files: join(here.folder, 'data') });
  here.env.CACHALOT_URL = nginx;
  await saved(t, here);
  const before = await figure(url, SENT);
  t.match(await restored(here), { status: 0, hit: 'exact', isWhole: true, warnings: [] });
  t.ok((await figure(url, HANDED_OUT)) >= FILES.length - 2);
  t.ok((await figure(url, SENT)) - before <= INLINE, 'not through the server');

  await t.test('what nginx does not find comes through the server', async (t) => {
    here.env.CACHALOT_URL = await startExampleNginx(t, { servers: [url], files: t.testdir() });
    const { stderr, ...found } = await restored(here);
    t.match(found, { hit: 'exact', isWhole: true, warnings: [] });
    t.notMatch(stderr, /through the server/, 'which nginx sees to');
  });

  await t.test('who says himself that he hands files out gets no more than a name', async (t) => {
    const [file] = readdirSync(join(here.folder, 'data/objects/segments/static:shop'), { recursive: true })
      .map(String)
      .filter((name) => name.length > 64);
    const identity = file?.slice(-64);
    const authorization = `Bearer ${here.env.CACHALOT_TOKEN}`;
    const answer = (headers: Record<string, string>) =>
      fetch(`${url}/api/v1/segments/${identity}`, { headers: { authorization, ...headers } });
    const told = await answer({ 'x-cachalot-accel': '/x/' });
    t.equal(told.headers.get('x-accel-redirect'), `/x/objects/segments/static%3Ashop/${file}`);
    t.equal((await told.arrayBuffer()).byteLength, 0);
    for (const odd of ['/../', 'x', '//', '/a/b/']) {
      const whole = await answer({ 'x-cachalot-accel': odd });
      t.equal(whole.headers.get('x-accel-redirect'), null);
      t.ok((await whole.arrayBuffer()).byteLength > 0);
    }
    const outside = await fetch(`${nginx}/cachalot-files/objects/segments/static:shop/${file}`);
    t.equal(outside.status, 404, 'and nginx gives none out by itself');
    await outside.body?.cancel();
  });
});

test('a delivery that cannot be is refused at the start', async (t) => {
  const here = place(t);
  const serve = (env: Record<string, string>) =>
    here.cachalot(['serve', '--port', '0', '--data', join(here.folder, 'data')], { env });
  t.match(await serve({ CACHALOT_SERVER_DELIVERY: 'redirect' }), {
    status: 64,
    stderr: /s3\.bucket is not set/,
  });
  t.match(await serve({ CACHALOT_SERVER_DELIVERY: 'teleport' }), {
    status: 64,
    stderr: /proxy, redirect, accel/,
  });
  const bucket = {
    CACHALOT_SERVER_S3_BUCKET: 'x-y',
    CACHALOT_SERVER_SIGNING_KEY: 'k',
    CACHALOT_SERVER_DELIVERY: 'accel',
  };
  t.match(await serve({ ...bucket, CACHALOT_SERVER_HOT_BYTES: '0' }), { status: 64, stderr: /hot\.bytes/ });
  t.match(await serve({ ...bucket, CACHALOT_SERVER_HOT_FOLDER: '/elsewhere' }), {
    status: 64,
    stderr: /hot\.folder/,
  });
});
