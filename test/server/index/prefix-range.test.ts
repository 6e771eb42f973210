import fc from 'fast-check';
import { test } from 'tap';
import { successor } from '#server/index/prefix-range.ts';

const inRange = (text: string, prefix: string) => {
  const end = successor(prefix);
  const bytes = Buffer.from(text);
  return (
    Buffer.compare(bytes, Buffer.from(prefix)) >= 0 &&
    (end === undefined || Buffer.compare(bytes, Buffer.from(end)) < 0)
  );
};

test('a text is in the range of a prefix if and only if it begins with it', (t) => {
  const text = fc.string({
    unit: fc.constantFrom('a', 'b', '/', '\u007f', '\ud7ff', '\ue000', '\uffff', '\u{10ffff}'),
    maxLength: 4,
  });
  fc.assert(fc.property(text, text, (prefix, other) => inRange(other, prefix) === other.startsWith(prefix)));
  fc.assert(fc.property(text, text, (prefix, rest) => inRange(prefix + rest, prefix)));
  t.equal(successor(''), undefined);
  t.equal(successor('\u{10ffff}'), undefined);
  t.equal(successor('a\u{10ffff}'), 'b');
  t.equal(successor('\ud7ff'), '\ue000');
  t.end();
});
