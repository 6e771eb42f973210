/** The hot tier as the server has it: before a real S3 server, by its settings, with its figures. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { makeBucket } from '../../../s3/buckets.ts';
import { CREDENTIALS, needVersitygw, startVersitygw } from '../../../s3/versitygw.ts';
import { ask, batchOf, openServer } from '../../api/open-server.ts';
import { segment } from './hot-tier.ts';

const program = needVersitygw(t);
if (program !== undefined) {
  const gateway = await startVersitygw(program);
  t.teardown(() => gateway.close());
  const { endpoint, bucket } = await makeBucket(gateway.endpoint);
  // The SDK finds credentials by itself, in the process' own environment.
  process.env.AWS_ACCESS_KEY_ID = CREDENTIALS.accessKeyId;
  process.env.AWS_SECRET_ACCESS_KEY = CREDENTIALS.secretAccessKey;

  t.test('what was saved is read from the copy; what was not is fetched once', async (t) => {
    const env = {
      CACHALOT_SERVER_S3_BUCKET: bucket,
      CACHALOT_SERVER_S3_ENDPOINT: endpoint,
      CACHALOT_SERVER_SIGNING_KEY: join(t.testdir(), 'signing.pem'),
    };
    const one = segment(1);
    const path = `/segments/${one.name.slice(-64)}`;
    const saving = await openServer(t, { env });
    const { json: written } = await ask(saving.url, '/segments/write', {
      method: 'POST',
      headers: { 'content-type': 'application/octet-stream' },
      bytes: batchOf([one.stored]),
    });
    t.equal(written.results[0].status, 'stored');
    t.ok((await ask(saving.url, path)).bytes.equals(one.stored));
    t.match(await figures(saving.url), /cachalot_hot_reads_total\{from="disk"\} 1/);
    t.notMatch(await figures(saving.url), /from="bucket"/);

    const other = await openServer(t, { env: { ...env, CACHALOT_SERVER_HOT_MEMORY: '0' } });
    for (let reader = 0; reader < 3; reader += 1) t.ok((await ask(other.url, path)).bytes.equals(one.stored));
    const text = await figures(other.url);
    t.match(text, /cachalot_hot_reads_total\{from="bucket"\} 1/);
    t.match(text, /cachalot_hot_reads_total\{from="disk"\} 2/);
    t.match(text, new RegExp(`cachalot_hot_moved_bytes_total ${one.stored.length}`));

    // Somebody clears the folder, which is no harm.
    rmSync(join(other.data, 'hot', 'segments'), { recursive: true });
    t.ok((await ask(other.url, path)).bytes.equals(one.stored));
    t.match(await figures(other.url), /cachalot_hot_reads_total\{from="bucket"\} 2/);
  });
}

async function figures(url: string): Promise<string> {
  return (await ask(url, '//metrics')).bytes.toString();
}
