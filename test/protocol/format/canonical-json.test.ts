import { test } from 'tap';
import { canonicalBytes } from '#protocol/format/canonical-json.ts';

const canonical = (value: unknown) => canonicalBytes(value).toString();

test('RFC 8785, section 3.2.2 and 3.2.3: the example', (t) => {
  const value = {
    numbers: [Number('333333333.33333329'), 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
    string: '\u20ac$\u000F\u000aA\'\u0042\u0022\u005c\\"/',
    literals: [null, true, false],
  };
  t.equal(
    canonical(value),
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  );
  t.end();
});

test('RFC 8785, section 3.2.3: members are sorted by UTF-16 code units', (t) => {
  const names = ['\u20ac', '\r', '\ufb33', '1', '\ud83d\ude00', '\u0080', '\u00f6'];
  const value = Object.fromEntries(names.map((name) => [name, 0]));
  t.same(
    [...canonical(value).matchAll(/"((?:[^"\\]|\\.)+)":/g)].map(([, name]) => JSON.parse(`"${name}"`)),
    ['\r', '1', '\u0080', '\u00f6', '\u20ac', '\ud83d\ude00', '\ufb33'],
  );
  t.end();
});

test('RFC 8785, appendix B: numbers', (t) => {
  const bits = (hex: string) => Buffer.from(hex, 'hex').readDoubleBE();
  for (const [hex, text] of [
    ['0000000000000000', '0'],
    ['8000000000000000', '0'],
    ['0000000000000001', '5e-324'],
    ['7fefffffffffffff', '1.7976931348623157e+308'],
    ['4340000000000000', '9007199254740992'],
    ['4430000000000000', '295147905179352830000'],
    ['44b52d02c7e14af6', '1e+23'],
    ['444b1ae4d6e2ef50', '1e+21'],
    ['3eb0c6f7a0b5ed8d', '0.000001'],
    ['41b3de4355555553', '333333333.3333332'],
  ] as const) {
    t.equal(canonical(bits(hex)), text);
  }
  t.throws(() => canonical(Number.NaN), TypeError);
  t.throws(() => canonical(Number.POSITIVE_INFINITY), TypeError);
  t.end();
});

test('members that are undefined are left out; what is no JSON is refused', (t) => {
  t.equal(canonical({ b: undefined, a: 1 }), '{"a":1}');
  for (const value of [undefined, 1n, () => 0, Symbol('x'), [undefined], '\ud800', { '\ud800': 1 }]) {
    t.throws(() => canonical(value), TypeError);
  }
  t.ok(canonicalBytes('é').equals(Buffer.from('"é"')));
  t.end();
});
