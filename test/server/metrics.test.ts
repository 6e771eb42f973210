/** The figures that a server shows, and those that the documents, alerts and dashboard speak of. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { need, programPath } from '../needs.ts';
import { openServer } from './api/open-server.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const RULES = 'examples/prometheus/cachalot.rules.yaml';
const DASHBOARD = 'examples/grafana/cachalot.json';

/** Names of a running server's own figures, each as it is declared. */
async function figures(t: Test): Promise<Set<string>> {
  const { url } = await openServer(t);
  const text = await (await fetch(`${url}/metrics`)).text();
  return new Set([...text.matchAll(/^# TYPE (cachalot_\w+) /gm)].map(([, name = '']) => name));
}

/** Every figure that a text names, a histogram by its own name. */
function named(text: string): Set<string> {
  const names = text.match(/\bcachalot_[a-z_]+/g) ?? [];
  return new Set(names.map((name) => name.replace(/_(bucket|sum|count)$/, '')));
}

interface Panel {
  type: string;
  title: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: { expr: string }[];
}

const panels = (): Panel[] => JSON.parse(read(DASHBOARD)).panels;

test('every figure is documented, and nothing else is', async (t) => {
  const shown = await figures(t);
  t.ok(shown.size > 20);
  t.same([...named(read('docs/operations.md'))].sort(), [...shown].sort());
});

test('alerts and dashboard speak of figures that there are', async (t) => {
  const shown = await figures(t);
  for (const path of [RULES, DASHBOARD]) {
    const spoken = named(read(path));
    t.ok(spoken.size > 5);
    t.same(
      [...spoken].filter((name) => !shown.has(name)),
      [],
      path,
    );
  }
});

test('the dashboard is one that Grafana lays out: panels in a grid of 24, none over another', async (t) => {
  const taken = new Set<string>();
  for (const { title, gridPos } of panels()) {
    const { x, y, w, h } = gridPos;
    t.ok(x >= 0 && w > 0 && x + w <= 24, title);
    for (let column = x; column < x + w; column++)
      for (let line = y; line < y + h; line++) {
        t.notOk(taken.has(`${column} ${line}`), `${title} at ${column} ${line}`);
        taken.add(`${column} ${line}`);
      }
  }
});

test('Prometheus can read all of it', async (t) => {
  if (!need(t, 'promtool')) return;
  const promtool = programPath('promtool') ?? 'promtool';
  execFileSync(promtool, ['check', 'rules', new URL(`../../${RULES}`, import.meta.url).pathname]);
  const expressions = panels().flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
  t.ok(expressions.length > 30);
  const rules = expressions.map((expr, at) => {
    const asked = expr.replaceAll('$__rate_interval', '5m').replaceAll('$instance', '.*');
    return { record: `panel_${at}`, expr: asked };
  });
  const file = join(t.testdir(), 'dashboard.yaml');
  writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
  execFileSync(promtool, ['check', 'rules', file]);
});
