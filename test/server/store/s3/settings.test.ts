import { test } from 'tap';
import { isFault } from '#protocol/wire/errors.ts';
import { checkS3Settings, S3_DEFAULTS, type S3Settings } from '#server/store/s3/settings.ts';

const usual: S3Settings = { ...S3_DEFAULTS, bucket: 'caches-of-ci' };

function refusalOf(changed: Partial<S3Settings>): unknown {
  try {
    checkS3Settings({ ...usual, ...changed });
    return undefined;
  } catch (error) {
    return error;
  }
}

test('what people set is taken', async (t) => {
  for (const changed of [
    {},
    { prefix: 'ci/caches/' },
    { endpoint: 'https://s3.example:9000', publicEndpoint: 'https://cache.example/s3' },
    { endpoint: 'http://[::1]:9000/' },
    { encryption: 'aws:kms' as const, encryptionKey: 'arn:aws:kms:eu-central-1:1:key/2' },
    { bucket: 'Old_Bucket' },
  ])
    t.equal(refusalOf(changed), undefined, JSON.stringify(changed));
});

test('what cannot be is refused before anybody is asked, and the setting is named', async (t) => {
  const rows: [setting: string, changed: Partial<S3Settings>][] = [
    ['s3.bucket', { bucket: '' }],
    ['s3.bucket', { bucket: 'a/b' }],
    ['s3.bucket', { bucket: '..' }],
    ['s3.prefix', { prefix: 'ci' }],
    ['s3.prefix', { prefix: '/ci/' }],
    ['s3.prefix', { prefix: 'ci/../' }],
    ['s3.prefix', { prefix: 'ci//' }],
    ['s3.prefix', { prefix: 'c i/' }],
    ['s3.endpoint', { endpoint: 's3.example' }],
    ['s3.endpoint', { endpoint: 'ftp://s3.example' }],
    ['s3.publicEndpoint', { publicEndpoint: 'https://s3.example/?x=1' }],
    ['s3.encryptionKey', { encryptionKey: 'alias/x' }],
    ['s3.partBytes', { partBytes: 1024 }],
  ];
  for (const [setting, changed] of rows) {
    const refusal = refusalOf(changed);
    t.ok(isFault(refusal, 'SETTING_INVALID'), JSON.stringify(changed));
    t.match((refusal as Error).message, `The setting ${setting} has the value`);
  }
});

test('credentials in an endpoint are refused, and not repeated', async (t) => {
  const refusal = refusalOf({ endpoint: 'https://user:hidden@s3.example' });
  t.ok(isFault(refusal, 'SETTING_INVALID'));
  t.notMatch((refusal as Error).message, 'hidden');
});
