import { randomBytes } from 'node:crypto';
import { test } from 'tap';
import { Marks } from '#server/retention/marks.ts';

const IDENTITIES = 20_000;

test('what was marked is found, and of what was not about one in a hundred', async (t) => {
  const marks = Marks.for(IDENTITIES, 'a cycle');
  const marked = randomBytes(32 * IDENTITIES);
  marks.add('local', marked);
  let lost = 0;
  for (let at = 0; at < marked.length; at += 32) if (!marks.has('local', marked, at)) lost += 1;
  t.equal(lost, 0);
  const others = randomBytes(32 * IDENTITIES);
  const spared = (domain: string, filter = marks) => {
    let count = 0;
    for (let at = 0; at < others.length; at += 32) if (filter.has(domain, others, at)) count += 1;
    return count / IDENTITIES;
  };
  t.ok(spared('local') < 0.02, `${spared('local')}`);
  t.ok(marks.bytes.length <= (IDENTITIES * 10) / 8 + 1);
});

test('other domains and other cycles are other marks', async (t) => {
  const refs = randomBytes(32 * 1_000);
  const share = (filter: Marks, domain: string) => {
    let count = 0;
    for (let at = 0; at < refs.length; at += 32) if (filter.has(domain, refs, at)) count += 1;
    return count / 1_000;
  };
  const marks = Marks.for(1_000, 'one cycle');
  marks.add('local', refs);
  t.equal(share(marks, 'local'), 1);
  t.ok(share(marks, 'github:4711') < 0.05);
  t.ok(share(new Marks('another cycle', marks.bytes), 'local') < 0.05);
  t.equal(share(new Marks('one cycle', Buffer.from(marks.bytes)), 'local'), 1, 'as they were kept');
});

test('an identity more than there is room for errs more often and loses nothing', async (t) => {
  const marks = Marks.for(10, 'small');
  const refs = randomBytes(32 * 50_000);
  marks.add('local', refs);
  t.ok(marks.has('local', refs, 32 * 49_999));
});
