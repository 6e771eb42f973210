/**
 * The object store's contract over a bucket of versitygw; with CACHALOT_TEST_S3_ENDPOINT, CACHALOT_TEST_S3_BUCKET (and the SDK's
 * own AWS_… variables) over any other one.
 */
import t, { type Test } from 'tap';
import type { Abilities } from '#server/store/s3/probe.ts';
import { empty, makeBucket, openStore, type TestBucket } from '../../../s3/buckets.ts';
import { needVersitygw, startVersitygw, VERSIONS, type Version } from '../../../s3/versitygw.ts';
import { storeConformance } from '../conformance.ts';

const { CACHALOT_TEST_S3_ENDPOINT: endpoint, CACHALOT_TEST_S3_BUCKET: name = 'cachalot' } = process.env;
const allJudges = process.env.CACHALOT_TEST_JUDGES === 'all';

async function judge(what: string, bucket: TestBucket): Promise<void> {
  const open = (abilities: Abilities) => async (t: Test) => {
    const { store, prefix } = await openStore(t, bucket, {}, { abilities });
    if (endpoint !== undefined) t.teardown(() => empty(bucket, prefix));
    return store;
  };
  const { abilities } = (await openStore(t, bucket)).store;
  t.comment(`${what}: ${JSON.stringify(abilities)}`);
  storeConformance(what, open(abilities));
  // What a bucket that holds to no conditions leaves to this process.
  if (allJudges)
    storeConformance(`${what}, without conditions`, open({ create: 'refused', conditionalDelete: false }));
}

async function judgeVersitygw(version: Version): Promise<void> {
  const program = needVersitygw(t, version);
  if (program === undefined) return;
  const gateway = await startVersitygw(program);
  t.teardown(() => gateway.close());
  await judge(`versitygw ${VERSIONS[version]}`, await makeBucket(gateway.endpoint));
}

if (endpoint !== undefined) {
  const region = process.env.AWS_REGION;
  await judge('the bucket of CACHALOT_TEST_S3_ENDPOINT', {
    endpoint,
    bucket: name,
    ...(region && { region }),
  });
} else {
  await judgeVersitygw('new');
  if (allJudges) await judgeVersitygw('old');
}
