import { test } from 'tap';
import { CATALOGUE, CachalotError, type ErrorCode, EXIT, fault, isFault } from '#protocol/wire/errors.ts';

const entries = Object.entries(CATALOGUE) as [ErrorCode, (typeof CATALOGUE)[ErrorCode]][];

test('every code is AREA_WHAT and says what happened and what to do', (t) => {
  const exits: readonly number[] = Object.values(EXIT);
  for (const [code, { status, exit, message, action }] of entries) {
    t.match(code, /^[A-Z]+(_[A-Z0-9]+)*$/);
    t.ok(status >= 400 && status < 600 && exits.includes(exit), code);
    t.ok(/[.}]$/.test(message) && /[.)]$/.test(action), `${code} ends its sentences`);
  }
  t.end();
});

test("errors of another copy of the catalogue are known as this one's", async (t) => {
  const copy: typeof import('#protocol/wire/errors.ts') = await import(
    `${import.meta.resolve('#protocol/wire/errors.ts')}?copy`
  );
  t.not(copy.CachalotError, CachalotError);
  const error: unknown = copy.fault('USAGE', { why: 'so' });
  t.ok(isFault(error) && isFault(error, 'USAGE') && !isFault(error, 'DISK_FULL'));
  t.notOk(isFault(new Error('so')) || isFault(undefined) || isFault('so') || isFault(null));
});

test('an error carries its code, its message filled in, and what to do', (t) => {
  const cause = new Error('inner');
  const error = fault('SEGMENT_MISSING', { identity: 'abc' }, { cause, field: 'roots/0' });
  t.ok(error instanceof CachalotError && error instanceof Error);
  t.equal(error.message, 'The segment abc is not there.');
  t.equal(error.cause, cause);
  t.equal(error.status, 404);
  t.equal(error.exit, EXIT.io);
  t.same(error.toBody(), {
    code: 'SEGMENT_MISSING',
    message: error.message,
    action: error.action,
    field: 'roots/0',
  });
  t.notOk('field' in fault('SEGMENT_MISSING', { identity: 'abc' }).toBody());
  t.ok(isFault(error) && isFault(error, 'SEGMENT_MISSING'));
  t.notOk(isFault(error, 'ENTRY_MISSING') || isFault(cause) || isFault(undefined));
  t.end();
});

test('what comes from outside cannot forge lines, colours or directions', (t) => {
  const hostile = 'a\nb\r\u001b[31m\u0085\u2028\u202e\u2066c\0';
  const { message } = fault('ROOT_MISSING', { path: hostile });
  t.equal(message, 'Nothing is at a\\u000ab\\u000d\\u001b[31m\\u0085\\u2028\\u202e\\u2066c\\u0000.');
  t.ok(fault('ROOT_MISSING', { path: 'x'.repeat(10_000) }).message.length < 400);
  t.equal(fault('ROOT_MISSING').message, 'Nothing is at {path}.', 'a parameter that is not given');
  t.equal(fault('ROOT_MISSING', { path: '{path} $& $1' }).message, 'Nothing is at {path} $& $1.');
  t.end();
});
