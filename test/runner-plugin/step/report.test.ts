import { test } from 'tap';
import { fault } from '#protocol/wire/errors.ts';
import type { Notice } from '#runner-plugin/step/context.ts';
import { Faults, makeReport, noFigures } from '#runner-plugin/step/report.ts';
import { bytesText, filesText, secondsText } from '#runner-plugin/step/units.ts';

const rest = { skipped: false, warnings: [] };

test('a report has the fields that scripts rely on', async (t) => {
  const entry = { kind: 'npm', key: 'npm/web/1', hit: 'exact', matchedKey: 'npm/web/1' } as const;
  t.same(makeReport('run', [entry], noFigures(), { skipped: true, warnings: [] }), {
    command: 'run',
    ...entry,
    bytes: { down: 0, up: 0, reused: 0 },
    seconds: { lookup: 0, restore: 0, command: 0, save: 0 },
    skipped: true,
    warnings: [],
  });
});

test('of several entries the worst hit counts, and all are listed', async (t) => {
  const entries = (['exact', 'none', 'near'] as const).map((hit) => ({ kind: 'npm', key: hit, hit }));
  t.match(makeReport('run', entries, noFigures(), rest), { hit: 'none', key: 'exact', entries });
  t.match(makeReport('run', [], noFigures(), rest), { kind: '', key: '', hit: 'none' });
});

test('a fault is told once, with what to do; that the server is left alone is no news after it', async (t) => {
  const told: Notice[] = [];
  const faults = new Faults((notice) => told.push(notice));
  faults.add(fault('CLIENT_UNAVAILABLE', { url: 'u', why: 'w' }));
  faults.add(fault('CLIENT_BREAKER_OPEN', { url: 'u', seconds: 0 }));
  t.same(
    faults.warnings.map(({ code }) => code),
    ['CLIENT_UNAVAILABLE'],
  );
  t.match(told, [
    { level: 'warning', code: 'CLIENT_UNAVAILABLE', message: /cannot be used: w\. The build goes on/ },
  ]);
  t.equal(faults.first?.code, 'CLIENT_UNAVAILABLE');
  t.equal(faults.unavailable, true);
  const alone = new Faults(() => {});
  alone.add(fault('CLIENT_BREAKER_OPEN', { url: 'u', seconds: 3 }));
  t.equal(alone.warnings.length, 1, 'but where it is the first thing, it is told');
});

test('a mistake of ours is told as one', async (t) => {
  const faults = new Faults(() => {});
  faults.add(new TypeError('x is not a function'));
  t.match(faults.warnings, [{ code: 'CLIENT_INTERNAL', message: /TypeError: x is not a function/ }]);
});

test('sizes, times and counts', async (t) => {
  t.same([0, 1023, 1024, 1536, 10 * 1024, 200 * 1024 ** 2, 3 * 1024 ** 4].map(bytesText), [
    '0 B',
    '1023 B',
    '1.00 KiB',
    '1.50 KiB',
    '10.0 KiB',
    '200 MiB',
    '3.00 TiB',
  ]);
  t.same([0, 1.234, 12.34].map(secondsText), ['0.00 s', '1.23 s', '12.3 s']);
  t.same([1, 2].map(filesText), ['1 file', '2 files']);
});
