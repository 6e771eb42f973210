/** The SDK's client, made from our settings: what of the SDK's own behaviour is changed stands here. */

import type { IncomingMessage } from 'node:http';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import type { AnswerClock } from './answer-clock.ts';
import { openConnections } from './connections.ts';
import type { S3Settings } from './settings.ts';

/** Where there is an endpoint of one's own, its region is a word that both sides must agree on, and this is the usual one. */
const REGION_OF_OTHERS = 'us-east-1';

export type Credentials = NonNullable<S3ClientConfig['credentials']>;

/** What every answer is looked at for, before the SDK reads it. */
export interface Answers {
  clock: AnswerClock;
  monotonic: () => number;
  /** An answer that says that the bucket is there. */
  onSuccess(): void;
}

/** `handler` is another client's, where they are to share its connections. */
export function openClient(
  settings: S3Settings,
  answers: Answers,
  credentials?: Credentials,
  handler?: S3Client['config']['requestHandler'],
): S3Client {
  const { connectTimeout, idleTimeout, attempts, connections } = settings;
  const client = new S3Client({
    ...common(settings, settings.endpoint, credentials),
    maxAttempts: attempts,
    retryMode: 'standard',
    // An answer of 100 first would be one way more for each segment, and other servers let us wait for it.
    expectContinueHeader: false,
    requestHandler: handler ?? {
      ...openConnections(connections, idleTimeout * 1000),
      connectionTimeout: connectTimeout * 1000,
      socketTimeout: 0,
      // Only says that connections are scarce, which is what a bound on them is for.
      socketAcquisitionWarningTimeout: 2 ** 31 - 1,
    },
  });
  lookAt(client, answers);
  return client;
}

/** A client that only signs URLs, for the address under which runners reach the store. */
export function openSigner(settings: S3Settings, credentials?: Credentials): S3Client {
  return new S3Client(common(settings, settings.publicEndpoint ?? settings.endpoint, credentials));
}

function common(
  { region, endpoint: ours, pathStyle, requestChecksumCalculation, responseChecksumValidation }: S3Settings,
  endpoint: string | undefined,
  credentials: Credentials | undefined,
): S3ClientConfig {
  const knownRegion = region ?? (ours === undefined ? undefined : REGION_OF_OTHERS);
  return {
    forcePathStyle: pathStyle ?? ours !== undefined,
    requestChecksumCalculation,
    responseChecksumValidation,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(knownRegion === undefined ? {} : { region: knownRegion }),
    ...(credentials === undefined ? {} : { credentials }),
  };
}

function lookAt(client: S3Client, { clock, monotonic, onSuccess }: Answers): void {
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const sent = monotonic();
      const result = await next(args);
      const { headers, statusCode, body } = result.response as {
        headers: Record<string, string>;
        statusCode: number;
        body?: IncomingMessage;
      };
      const date = Date.parse(headers.date ?? '');
      if (!Number.isNaN(date)) clock.saw(date, sent, monotonic());
      if (statusCode >= 200 && statusCode < 300) {
        onSuccess();
        // The bytes of an object are watched by who reads them (body.ts), and may wait for a reader.
        if (context.commandName === 'GetObjectCommand') body?.socket?.setTimeout(0);
      }
      return result;
    },
    { step: 'deserialize', name: 'answers', priority: 'low' },
  );
}
