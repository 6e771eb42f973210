/**
 * An error that came from a decoder as a message, as it would have been thrown there.
 */
import { fault } from '#protocol/wire/errors.ts';
import { fileFault } from './file-fault.ts';
import type { FailedReport } from './unpack-messages.ts';

/** `place` is where the segment's root will be. */
export function reportedFault({ fault: reported, system, message }: FailedReport, place: string): Error {
  if (reported !== undefined) return fault(reported.code, reported.params);
  const error = Object.assign(new Error(message), system);
  return system === undefined
    ? error
    : fileFault(error, system.path === '' ? place : `${place}/${system.path}`);
}
