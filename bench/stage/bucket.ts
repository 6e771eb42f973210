/** A bucket of the stage's own, on an S3 server on loopback: the one that the tests are judged by. */
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { CREDENTIALS, needVersitygw, startVersitygw, VERSIONS } from '../../test/s3/versitygw.ts';
import type { Stage } from './stage.ts';

export interface Bucket {
  /** Of the S3 server. */
  port: number;
  name: string;
  client: S3Client;
  /** What a server with this bucket and that signing key is told. */
  settings(signingKey: string): Record<string, string>;
  /** Name and version of the server. */
  what: string;
}

const NAME = 'cachalot-bench';

/** There until the stage ends. */
export async function startBucket(stage: Stage): Promise<Bucket> {
  const lacking = (why = 'versitygw is not to be had'): never => {
    throw new Error(why);
  };
  const program = needVersitygw({ plan: (_, why) => lacking(why), fail: lacking }) ?? lacking();
  const { port, endpoint, close } = await startVersitygw(program, undefined, { keepAlive: true });
  stage.defer(close);
  const client = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: CREDENTIALS,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
  stage.defer(() => client.destroy());
  await client.send(new CreateBucketCommand({ Bucket: NAME }));
  return {
    port,
    name: NAME,
    client,
    settings: (signingKey) => ({
      CACHALOT_SERVER_S3_BUCKET: NAME,
      CACHALOT_SERVER_S3_ENDPOINT: endpoint,
      CACHALOT_SERVER_SIGNING_KEY: signingKey,
      AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
    }),
    what: `versitygw ${VERSIONS.new} over a folder`,
  };
}
