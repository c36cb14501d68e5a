import type { Bus, Topology } from './bus.ts';
import { TopologyMissing } from './errors.ts';

/** Verifies a topology by its plan, for drivers whose plan needs no right to change anything. */
export async function verifyByPlan(bus: Pick<Bus, 'plan'>, topology: Topology): Promise<void> {
  const differences = await bus.plan(topology);
  if (differences.length > 0) throw new TopologyMissing(differences);
}
