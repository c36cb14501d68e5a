import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { telemetry } from 'seaworthy/telemetry';

const here = import.meta.dirname;
const alerts = readFileSync(join(here, 'prometheus/alerts.yml'), 'utf8');
const dashboard = JSON.parse(readFileSync(join(here, 'grafana/seaworthy.json'), 'utf8')) as {
  readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[];
};
const expressions = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));

/** Every metric that a page names in its section on telemetry. */
function documented(): ReadonlySet<string> {
  const pages = globSync('docs/*.md', { cwd: join(here, '..') }).map((page) => readFileSync(join(here, '..', page), 'utf8'));
  const sections = pages.map((page) => /^## Telemetry$([\s\S]*?)^## /m.exec(page)?.[1] ?? '');
  return new Set(sections.join('').match(/(?<=`)seaworthy_\w+(?=`)/g));
}

test('alerts and dashboard query documented metrics only', () => {
  const known = documented();
  const asked = new Set([alerts, ...expressions].join('\n').match(/\bseaworthy_\w+/g));
  assert.ok(asked.size > 15);
  for (const name of asked) {
    const span = name.replace(/_seconds(_(count|bucket|sum))?$/, '');
    assert.ok(known.has(name) || known.has(span), `${name} is in no page's section on telemetry`);
  }
});

const version = spawnSync('promtool', ['--version'], { encoding: 'utf8' });
const missing = version.error !== undefined;
if (missing && process.env['REQUIRE_ENGINES'] === '1') throw new Error('promtool is missing: install prometheus');
const options = missing ? { skip: 'promtool is missing: install prometheus to check the alerts' } : {};

/** Runs promtool. Its output is the message when it refuses. */
function promtool(args: readonly string[], { cwd = here, input = '' } = {}): void {
  const { status, stdout, stderr } = spawnSync('promtool', args, { cwd, input, encoding: 'utf8' });
  assert.equal(status, 0, `promtool ${args.join(' ')}: ${stdout}${stderr}`);
}

test('Prometheus accepts the alerts, and they fire when they should', options, () => {
  promtool(['check', 'rules', 'alerts.yml'], { cwd: join(here, 'prometheus') });
  promtool(['test', 'rules', 'alerts.test.yml'], { cwd: join(here, 'prometheus') });
});

test('Prometheus accepts every query of the dashboard', options, () => {
  const folder = mkdtempSync(join(tmpdir(), 'seaworthy-ops-'));
  const rules = expressions.map((expr, index) => ({ record: `asked:${index}`, expr: expr.replaceAll('$__rate_interval', '5m') }));
  // YAML includes JSON.
  writeFileSync(join(folder, 'rules.yml'), JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
  promtool(['check', 'rules', 'rules.yml'], { cwd: folder });
  rmSync(folder, { recursive: true });
});

test('Prometheus accepts the answer of /metrics, whatever its labels contain', options, () => {
  const { observe, exposition } = telemetry({ level: 'silent' });
  observe.count('seaworthy_test_total', { name: 'with "quotes", \\ and\na new line, {braces}, é' }, 2);
  observe.gauge('seaworthy_test_waiting', {}, () => Number.POSITIVE_INFINITY);
  observe.span('seaworthy_test', { operation: 'a.b' }).end('ok');
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: exposition(), encoding: 'utf8' });
  // 3 means that the text parses, but breaks style rules, such as a help text for each metric.
  assert.ok(status === 0 || status === 3, `${stdout}${stderr}`);
  assert.doesNotMatch(stderr, /error while linting|parse/i);
});
