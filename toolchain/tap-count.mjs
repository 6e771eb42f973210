/**
 * A subtest that has begun and not ended.
 *
 * @typedef {{
 *   name: string, indent: number, isCase: boolean, failedInside: boolean, assertion: boolean,
 *   verdict?: { ok: boolean, skip: string | undefined },
 * }} Open
 */

/**
 * Counts the test cases in TAP as tap writes it: a case is a subtest without subtests of its own, so a file that only
 * asserts is one, and ten thousand assertions of a property are one too.
 *
 * @param {string} text
 */
export function countCases(text) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  /** @type {string[]} */
  const failures = [];
  /** @type {string[]} */
  const skips = [];
  /** The open subtests, outermost first. @type {Open[]} */
  const open = [];
  let yaml = -1;

  /** @param {Open} subtest @param {boolean} ok @param {string | undefined} skip */
  const close = (subtest, ok, skip) => {
    const path = [...open.map(({ name }) => name), subtest.name].join(' > ');
    const parent = open.at(-1);
    if (skip !== undefined) {
      counts.skipped += 1;
      skips.push(skip === '' ? path : `${path}: ${skip}`);
    } else if (!ok && !subtest.failedInside) {
      // A file may fail though all its cases passed: it timed out, or ended with a status of its own.
      counts.failed += 1;
      failures.push(path);
    } else if (ok && subtest.isCase) counts.passed += 1;
    if (parent && !ok && skip === undefined) parent.failedInside ||= !subtest.assertion;
  };

  /** @param {string} name @param {number} indent */
  const begin = (name, indent) => {
    const parent = open.at(-1);
    if (parent) parent.isCase = false;
    open.push({ name, indent, isCase: true, failedInside: false, assertion: false });
  };

  for (const line of text.split('\n')) {
    const content = line.trimStart();
    const indent = line.length - content.length;
    // What a failure shows between --- and ... is data, and may itself look like TAP.
    if (yaml !== -1) {
      if (content === '...' && indent === yaml) yaml = -1;
      continue;
    }
    if (content === '---') {
      yaml = indent;
      continue;
    }
    const subtest = /^# Subtest: (.*)$/.exec(content);
    if (subtest) {
      begin(subtest[1] ?? '', indent);
      continue;
    }
    const point = /^(not )?ok\b(?: \d+)?(?: - )?(.*?)( \{)?$/.exec(content);
    if (!point) {
      // The end of a buffered subtest, whose verdict stood on its first line.
      const last = open.at(-1);
      if (content === '}' && last?.verdict && last.indent === indent) {
        open.pop();
        close(last, last.verdict.ok, last.verdict.skip);
      }
      continue;
    }
    const ok = point[1] === undefined;
    const title = point[2] ?? '';
    const skip = /(?:^|\s)# (?:SKIP|TODO)\b(.*)$/i.exec(title)?.[1]?.trim();
    const name = title.replace(/ ?# (?:time=|SKIP|TODO).*$/i, '');
    if (point[3] !== undefined) {
      begin(name, indent);
      const last = open.at(-1);
      if (last) last.verdict = { ok, skip };
      continue;
    }
    const last = open.at(-1);
    if (last && last.indent === indent && last.verdict === undefined) {
      open.pop();
      close(last, ok, skip);
    } else if (skip !== undefined) {
      close({ name, indent, isCase: true, failedInside: false, assertion: true }, ok, skip);
    }
  }
  return { ...counts, failures, skips };
}
