/** What a bucket is asked before it is used: what it can do, and what is wrong with the settings. */
import t, { type Test, test } from 'tap';
import { type CachalotError, type ErrorCode, isFault } from '#protocol/wire/errors.ts';
import type { S3Parts } from '#server/store/s3/open.ts';
import type { S3Settings } from '#server/store/s3/settings.ts';
import { keysOf, makeBucket, openStore, type TestBucket } from '../../../s3/buckets.ts';
import { type FakeS3, type Refusal, startFakeS3 } from '../../../s3/fake-s3.ts';
import { CREDENTIALS, needVersitygw, startVersitygw } from '../../../s3/versitygw.ts';
import { textOf } from '../conformance.ts';

// Where nobody gave credentials, none are to be had; not of the machine that runs the tests either.
process.env.AWS_EC2_METADATA_DISABLED = 'true';
process.env.AWS_CONFIG_FILE = '/nonexistent';
process.env.AWS_SHARED_CREDENTIALS_FILE = '/nonexistent';
for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_PROFILE', 'AWS_REGION', 'AWS_DEFAULT_REGION'])
  delete process.env[name];

async function fakeBucket(t: Test): Promise<{ fake: FakeS3; bucket: TestBucket }> {
  const fake = await startFakeS3();
  t.teardown(() => fake.close());
  return { fake, bucket: { endpoint: fake.endpoint, bucket: 'cachalot', credentials: CREDENTIALS } };
}

/** The error of opening that is expected, and its message. */
async function refusalOf(
  t: Test,
  code: ErrorCode,
  bucket: TestBucket,
  changed: Partial<S3Settings> = {},
  parts: Partial<S3Parts> = {},
): Promise<CachalotError> {
  const outcome = await openStore(t, bucket, changed, parts).then(
    () => 'it opened',
    (error: unknown) => error,
  );
  if (!isFault(outcome, code)) throw new Error(`${code} was expected, and it is ${outcome}`);
  return outcome;
}

test('a bucket that passes over conditions is noticed, said, and left clean', async (t) => {
  const { fake, bucket } = await fakeBucket(t);
  fake.conditions = false;
  const { store, warnings } = await openStore(t, bucket);
  t.same(store.abilities, { create: 'racy', conditionalDelete: false });
  t.equal(store.atomicCreate, false);
  t.match(
    warnings.join('\n'),
    /several writers may create one object: it takes If-None-Match and lets several pass/,
  );
  t.match(warnings.join('\n'), /does not hold to If-Match when it deletes/);
  t.equal(fake.objects.size, 0);
});

test('a bucket that refuses the header still stores; what is there is looked for', async (t) => {
  for (const refusal of [
    { status: 501, code: 'NotImplemented' },
    { status: 400, code: 'InvalidArgument' },
  ]) {
    const { fake, bucket } = await fakeBucket(t);
    fake.meddle = ({ headers, what }) =>
      headers['if-none-match'] === undefined && (what !== 'DELETE' || headers['if-match'] === undefined)
        ? undefined
        : refusal;
    const { store, warnings } = await openStore(t, bucket);
    t.same(store.abilities, { create: 'refused', conditionalDelete: false });
    t.match(warnings.join('\n'), 'it refuses If-None-Match');
    t.not(await store.put('a/b', Buffer.from('first'), { ifAbsent: true }), 'exists');
    t.equal(await store.put('a/b', Buffer.from('second'), { ifAbsent: true }), 'exists');
    t.equal(await textOf(store, 'a/b'), 'first');
    t.equal(await store.delete('a/b', { ifMatch: (await store.head('a/b'))?.etag ?? '' }), true);
    t.equal(fake.objects.size, 0);
  }
});

test('where conditions are required, a bucket without them is refused with the setting and the remedy', async (t) => {
  const { fake, bucket } = await fakeBucket(t);
  fake.conditions = false;
  const refusal = await refusalOf(t, 'STORE_NOT_ATOMIC', bucket, { conditionalWrites: 'required' });
  t.match(refusal.action, 's3.conditionalWrites');
});

test('a store that fails while it is probed is down, not unable', async (t) => {
  const { fake, bucket } = await fakeBucket(t);
  fake.meddle = ({ what }) => (what === 'PUT' ? { status: 500, code: 'InternalError' } : undefined);
  await refusalOf(t, 'STORE_FAILED', bucket, { attempts: 1 });
});

test('bad input: what a person must change is named, with the remedy', async (t) => {
  const rows: [ErrorCode, says: RegExp, what: string, Refusal][] = [
    ['STORE_BUCKET_MISSING', /s3\.bucket/, 'LIST', { status: 404, code: 'NoSuchBucket' }],
    [
      'STORE_REGION_WRONG',
      /it is in eu-west-1.*s3\.region/,
      'LIST',
      { status: 301, code: 'PermanentRedirect', headers: { 'x-amz-bucket-region': 'eu-west-1' } },
    ],
    [
      'STORE_REGION_WRONG',
      /it is in eu-west-1.*s3\.region/,
      'LIST',
      {
        status: 400,
        body: '<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>',
      },
    ],
    ['STORE_REFUSED', /s3:ListBucket.*docs\/operations\.md/, 'LIST', { status: 403, code: 'AccessDenied' }],
    ['STORE_REFUSED', /s3:PutObject/, 'PUT', { status: 403, code: 'AccessDenied' }],
    ['STORE_REFUSED', /s3:GetObject/, 'HEAD', { status: 403 }],
    ['STORE_REFUSED', /s3:DeleteObject/, 'DELETE', { status: 403, code: 'AccessDenied' }],
    ['STORE_CREDENTIALS', /AWS_ACCESS_KEY_ID/, 'LIST', { status: 403, code: 'InvalidAccessKeyId' }],
    ['STORE_CREDENTIALS', /AWS_ACCESS_KEY_ID/, 'LIST', { status: 400, code: 'ExpiredToken' }],
    ['STORE_CLOCK', /clock/, 'LIST', { status: 403, code: 'RequestTimeTooSkewed' }],
    ['STORE_KEY_REFUSED', /s3\.encryptionKey/, 'PUT', { status: 400, code: 'KMS.NotFoundException' }],
  ];
  for (const [code, says, on, refusal] of rows) {
    const { fake, bucket } = await fakeBucket(t);
    fake.meddle = ({ what }) => (what === on ? refusal : undefined);
    const error = await refusalOf(t, code, bucket, { attempts: 1 });
    t.match(`${error.message} ${error.action}`, says, `${refusal.code} to ${on}`);
  }
});

test('bad input: who may not list the bucket hears of no missing object, and that is said', async (t) => {
  const { fake, bucket } = await fakeBucket(t);
  fake.meddle = ({ what, key }) => (what === 'HEAD' && !fake.objects.has(key) ? { status: 403 } : undefined);
  const refusal = await refusalOf(t, 'STORE_REFUSED', bucket, { attempts: 1 });
  t.match(refusal.message, 's3:ListBucket');
});

test('bad input: no credentials and no region are named before anybody is asked', async (t) => {
  const { fake, bucket } = await fakeBucket(t);
  const { credentials: _none, ...without } = bucket;
  const refusal = await refusalOf(t, 'STORE_CREDENTIALS', without);
  t.match(`${refusal.message} ${refusal.action}`, /there are none.*AWS_ACCESS_KEY_ID/);
  const nowhere = await refusalOf(t, 'SETTING_INVALID', bucket, { endpoint: undefined });
  t.match(nowhere.message, /s3\.region.*AWS_REGION/);
  t.equal(fake.asked.length, 0);
});

test('encryption is asked for with every object', async (t) => {
  const { fake, bucket } = await fakeBucket(t);
  const { store } = await openStore(t, bucket, { encryption: 'aws:kms', encryptionKey: 'alias/ci' });
  await store.put('a/b', Buffer.from('x'));
  for (const { headers } of fake.asked.filter(({ what }) => what === 'PUT')) {
    t.equal(headers['x-amz-server-side-encryption'], 'aws:kms');
    t.equal(headers['x-amz-server-side-encryption-aws-kms-key-id'], 'alias/ci');
  }
});

test('by default nothing goes along that another server would refuse or let us wait for', async (t) => {
  const { fake, bucket } = await fakeBucket(t);
  const { store } = await openStore(t, bucket);
  await store.put('a/b', Buffer.alloc(5_000_000));
  const names = new Set(fake.asked.flatMap(({ headers }) => Object.keys(headers)));
  t.notOk([...names].some((name) => /x-amz-(sdk-)?checksum/.test(name)));
  t.notOk(names.has('expect'));
  t.notOk(fake.asked.some(({ headers }) => headers['content-encoding'] === 'aws-chunked'));
  const checked = await openStore(t, bucket, { requestChecksumCalculation: 'WHEN_SUPPORTED' });
  fake.asked.length = 0;
  await checked.store.put('a/b', Buffer.from('x'));
  t.ok(fake.asked.some(({ headers }) => Object.keys(headers).some((name) => /x-amz-checksum/.test(name))));
});

const versitygw = needVersitygw(t);
if (versitygw !== undefined) {
  const gateway = await startVersitygw(versitygw);
  t.teardown(() => gateway.close());
  const bucket = await makeBucket(gateway.endpoint);

  test('a real server that is atomic is known as such, and the probe leaves nothing', async (t) => {
    const { store, warnings, prefix } = await openStore(t, bucket);
    t.same(store.abilities, { create: 'atomic', conditionalDelete: true });
    t.same(warnings, []);
    t.same(await keysOf(bucket, prefix), []);
  });

  test('bad input: a real server says it in its own words', async (t) => {
    await refusalOf(t, 'STORE_BUCKET_MISSING', { ...bucket, bucket: 'another' });
    await refusalOf(t, 'STORE_CREDENTIALS', {
      ...bucket,
      credentials: { ...CREDENTIALS, secretAccessKey: 'other' },
    });
    await refusalOf(t, 'STORE_CREDENTIALS', {
      ...bucket,
      credentials: { ...CREDENTIALS, accessKeyId: 'other' },
    });
    const region = await refusalOf(t, 'STORE_REGION_WRONG', bucket, { region: 'eu-west-1' });
    t.match(region.message, 'it is in us-east-1');
  });
}

// Its build takes a minute or two: it is asked with the other judges (npm run judge).
const old = process.env.CACHALOT_TEST_JUDGES === 'all' ? needVersitygw(t, 'old') : undefined;
if (old !== undefined) {
  const gateway = await startVersitygw(old);
  t.teardown(() => gateway.close());
  const bucket = await makeBucket(gateway.endpoint);

  test('a real server that looks and then writes is found out', async (t) => {
    let starts = 0;
    for (let found = false; !found && starts < 20; starts++)
      found = (await openStore(t, bucket)).store.abilities.create === 'racy';
    t.ok(starts < 20, `after ${starts} starts`);
  });
}
