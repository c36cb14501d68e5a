import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The modules by level: a module imports modules of lower levels only, never one of its own level. */
const levels: readonly (readonly string[])[] = [
  ['core'],
  ['telemetry', 'resilience', 'contract', 'store'],
  ['documents', 'compatibility', 'bus', 'discovery', 'http'],
  ['outbox', 'client'],
  ['saga'],
  ['service'],
  ['gateway'],
  ['fleet'],
  ['testing'],
];

/** Only `drivers/` and `transports/` import these. */
const clients = [
  'node:sqlite',
  'node:http',
  'node:https',
  'node:net',
  'node:child_process',
  'undici',
  'fastify',
  'pino',
  'zod',
  'pg',
  'mysql2',
];

/** Each of these modules is built on some of the clients, and imports them anywhere. */
const clientsOf: Readonly<Record<string, readonly string[]>> = { telemetry: ['pino'], http: ['node:http', 'node:net', 'fastify'] };

const barrels = {
  group: ['**/index.ts', '**/driver-kit.ts', 'seaworthy', 'seaworthy/**', '@seaworthy/**'],
  message: 'Inside the package, files import files, never barrels.',
};

function override(includes: readonly string[], patterns: readonly object[]): object {
  return {
    // The suite of the outbox is its own, as tests and fixtures are: it is not part of the package.
    includes: [...includes, '!**/*.test.ts', '!**/*.test-d.ts', '!**/*.fixture.ts', '!**/outbox/conformance/**'],
    linter: { rules: { style: { noRestrictedImports: { level: 'error', options: { patterns } } } } },
  };
}

function overridesOf(module: string, refused: readonly string[]): object[] {
  const folder = `packages/seaworthy/src/${module}`;
  const upward = {
    group: refused.map((other) => `**/${other}/**`),
    message: `${module} may import only modules below it (lint/arrows.ts).`,
  };
  const outward = {
    group: clients.filter((name) => !clientsOf[module]?.includes(name)),
    message: 'Only drivers/ and transports/ import clients.',
  };
  const inward = refused.length > 0 ? [upward, barrels] : [barrels];
  return [
    override([`${folder}/**/*.ts`, `!${folder}/drivers/**`, `!${folder}/transports/**`], [...inward, outward]),
    override([`${folder}/drivers/**/*.ts`, `${folder}/transports/**/*.ts`], inward),
  ];
}

/** The text of `lint/arrows.json`, which `biome.json` extends: one override a line. */
export function arrowsJson(): string {
  const overrides = levels.flatMap((level, index) => {
    const notBelow = levels.slice(index).flat();
    return level.flatMap((module) =>
      overridesOf(
        module,
        notBelow.filter((other) => other !== module),
      ),
    );
  });
  return `{ "overrides": [\n${overrides.map((each) => JSON.stringify(each)).join(',\n')}\n] }\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(new URL('arrows.json', import.meta.url), arrowsJson());
