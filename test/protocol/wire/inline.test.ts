import { test } from 'tap';
import { isFault } from '#protocol/wire/errors.ts';
import { decodeInline, encodeInline, inlineBytes } from '#protocol/wire/inline.ts';

const URL = 'http://cache.example';
const unreadable = (act: () => unknown) => {
  try {
    act();
    return false;
  } catch (error) {
    return isFault(error, 'CLIENT_ANSWER_UNREADABLE') && error.message.includes(URL);
  }
};

test('an answer comes with the first bytes of its archives', (t) => {
  const json = JSON.stringify({ results: [{ hit: 'exact', inline: { offset: 3, length: 4 } }], é: 1 });
  const body = Buffer.concat(encodeInline(json, [Buffer.from('abc'), Buffer.from('defg')]));
  t.equal(body.readUInt32LE(), Buffer.byteLength(json));
  const { answer, bytes } = decodeInline(body, URL);
  t.same(answer, JSON.parse(json));
  t.equal(bytes.toString(), 'abcdefg');
  t.equal(inlineBytes(bytes, { offset: 3, length: 4 }, URL).toString(), 'defg');
  t.equal(inlineBytes(bytes, { offset: 7, length: 0 }, URL).toString(), '');
  t.end();
});

test('what is cut off or no JSON is unreadable', (t) => {
  const body = Buffer.concat(encodeInline('{"results":[]}', []));
  t.same(decodeInline(body, URL), { answer: { results: [] }, bytes: Buffer.alloc(0) });
  for (let end = 0; end < body.length; end++)
    t.ok(
      unreadable(() => decodeInline(body.subarray(0, end), URL)),
      `${end} bytes`,
    );
  const longer = Buffer.from(body);
  longer.writeUInt32LE(body.length);
  t.ok(
    unreadable(() => decodeInline(longer, URL)),
    'a length beyond the body',
  );
  t.ok(unreadable(() => decodeInline(Buffer.from('<html>no cache here</html>'), URL)));
  t.ok(unreadable(() => decodeInline(Buffer.concat(encodeInline('{"results":', [])), URL)));
  t.ok(unreadable(() => inlineBytes(Buffer.alloc(7), { offset: 3, length: 5 }, URL)));
  t.end();
});
