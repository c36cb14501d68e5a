import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Which room may import which: only rooms on a lower bar. Rooms on one bar don't import each other. */
export const bars: readonly (readonly string[])[] = [
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

/** Only `drivers/` and `transports/` reach the world outside; beside them each of these modules has the clients that it is made of. */
const ownClients: Readonly<Record<string, readonly string[]>> = { telemetry: ['pino'], http: ['node:http', 'node:net', 'fastify'] };
const clients = ['node:sqlite', 'node:http', 'node:https', 'node:net', 'node:child_process', 'undici', 'fastify', 'pino', 'zod'];

const exceptTests = ['!**/*.test.ts', '!**/*.test-d.ts'];

interface Group {
  readonly group: readonly string[];
  readonly message: string;
}

function override(includes: readonly string[], patterns: readonly Group[]): object {
  return {
    includes: [...includes, ...exceptTests],
    linter: { rules: { style: { noRestrictedImports: { level: 'error', options: { patterns } } } } },
  };
}

function roomOverrides(): object[] {
  return bars.flatMap((bar, height) =>
    bar.flatMap((room) => {
      const above = bars
        .slice(height)
        .flat()
        .filter((other) => other !== room);
      const arrows: Group[] = [
        ...(above.length > 0
          ? [{ group: above.map((other) => `**/${other}/**`), message: `${room} may import only rooms below it (scripts/arrows.ts).` }]
          : []),
        {
          group: ['**/index.ts', 'seaworthy', 'seaworthy/**', '@seaworthy/**'],
          message: 'Inside the package, files import files, never barrels.',
        },
      ];
      const world: Group = {
        group: clients.filter((name) => !ownClients[room]?.includes(name)),
        message: 'Only drivers/ and transports/ import clients.',
      };
      const folder = `packages/seaworthy/src/${room}`;
      return [
        override([`${folder}/**/*.ts`, `!${folder}/drivers/**`, `!${folder}/transports/**`], [...arrows, world]),
        override([`${folder}/drivers/**/*.ts`, `${folder}/transports/**/*.ts`], arrows),
      ];
    }),
  );
}

/** Those who use the package as anybody does: nothing of it imports them. */
const users: object = override(
  ['examples/**/*.ts', 'packages/cli/**/*.ts'],
  [
    {
      group: ['**/packages/**', '**/seaworthy/src/**', '**/seaworthy/dist/**'],
      message: 'Examples and the command import published subpaths only, as a user would.',
    },
  ],
);

const timers = ['setTimeout', 'setInterval', 'setImmediate'];
const globals: object = {
  includes: ['packages/seaworthy/src/**/*.ts', '!packages/seaworthy/src/core/**', ...exceptTests],
  linter: {
    rules: {
      style: {
        noRestrictedGlobals: {
          level: 'error',
          options: {
            deniedGlobals: Object.fromEntries(timers.map((name) => [name, 'Wait by the clock of the Runtime (core/runtime.ts).'])),
          },
        },
      },
    },
  },
};

/** Slips are written as the texts of sources, in which templates have a place. */
const slips = {
  includes: ['scripts/mutants/list/**'],
  linter: { rules: { suspicious: { noTemplateCurlyInString: 'off' } } },
};

/** The overrides of biome.json: the arrows, who may wait by himself, and what slips look like. */
export const overrides = (): readonly object[] => [...roomOverrides(), users, globals, slips];

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = fileURLToPath(new URL('../biome.json', import.meta.url));
  const config = JSON.parse(readFileSync(path, 'utf8')) as object;
  writeFileSync(path, `${JSON.stringify({ ...config, overrides: overrides() }, null, 2)}\n`);
}
