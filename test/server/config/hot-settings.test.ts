import { test } from 'tap';
import { isFault } from '#protocol/wire/errors.ts';
import { readConfig } from '#server/config/config.ts';
import type { Surroundings } from '#server/config/setting.ts';

const MiB = 1024 * 1024;

function surroundings(env: Record<string, string>): Surroundings {
  return {
    env: { HOME: '/home/ci', ...env },
    cwd: '/checkout',
    readFile: async () => {
      throw Object.assign(new Error('no file'), { code: 'ENOENT' });
    },
  };
}

const BUCKET = {
  CACHALOT_SERVER_DATA: '/data',
  CACHALOT_SERVER_S3_BUCKET: 'builds',
  CACHALOT_SERVER_SIGNING_KEY: '/shared.pem',
};

test('a bucket has a hot tier before it, a folder has none', async (t) => {
  t.same((await readConfig({}, surroundings(BUCKET))).hot, {
    folder: '/data/hot',
    bytes: 20 * 1024 * MiB,
    memory: 64 * MiB,
  });
  t.match((await readConfig({}, surroundings({}))).hot, { bytes: 0, memory: 0 });
  const inMemory = await readConfig({}, surroundings({ CACHALOT_SERVER_HOT_MEMORY: '100000000' }));
  t.match(inMemory.hot, { bytes: 0, memory: 100_000_000 }, 'but in memory, where somebody wants it');
  const chosen = {
    ...BUCKET,
    CACHALOT_SERVER_HOT_FOLDER: 'fast',
    CACHALOT_SERVER_HOT_BYTES: '0',
    CACHALOT_SERVER_HOT_MEMORY: '0',
  };
  t.same((await readConfig({}, surroundings(chosen))).hot, { folder: '/checkout/fast', bytes: 0, memory: 0 });
});

test('what is of no use, or too little for one segment, is refused', async (t) => {
  for (const [env, message] of [
    [{ CACHALOT_SERVER_HOT_FOLDER: 'fast' }, /hot\.folder.*s3\.bucket is not set/],
    [{ CACHALOT_SERVER_HOT_BYTES: '1000000000' }, /hot\.bytes.*s3\.bucket is not set/],
    [{ ...BUCKET, CACHALOT_SERVER_HOT_BYTES: '1000' }, /HOT_BYTES.*at least one segment/],
    [{ ...BUCKET, CACHALOT_SERVER_HOT_MEMORY: 'much' }, /HOT_MEMORY.*whole number/],
  ] as const) {
    const error: unknown = await readConfig({}, surroundings(env)).catch((thrown: unknown) => thrown);
    t.ok(isFault(error, 'SETTING_INVALID'));
    t.match((error as Error).message, message);
  }
});
