import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { postgres } from 'seaworthy/store/postgres';
import { serve } from '../shared/contestant.ts';
import type { Figures, Task } from '../shared/workload.ts';
import { openTrips } from './trips.ts';

/** The toolkit on PostgreSQL. */
const [, , url] = process.argv as unknown as readonly [string, string, string];
await serve<Task, Figures & { readonly reruns: number }>(async () => {
  const dir = mkdtempSync(join(tmpdir(), 'seaworthy-bench-'));
  const trips = await openTrips({ dir, store: postgres({ url }) });
  return {
    async run(task) {
      const count = (): readonly number[] => ['conflicts', 'commits'].map((name) => trips.counted(`seaworthy_store_${name}_total`));
      const [conflicts, commits] = count() as [number, number];
      const figures = await trips.run(task);
      const [conflictsAfter, commitsAfter] = count() as [number, number];
      return {
        ...figures,
        reruns: (conflictsAfter - conflicts) / (commitsAfter - commits),
        commits: (commitsAfter - commits) / task.count,
      };
    },
    async stop() {
      await trips.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
});
