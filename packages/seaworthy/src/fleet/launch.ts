import { type Fleet, FleetInvalid } from './fleet.ts';
import { merged, type StartOptions } from './options.ts';
import { type RunningFleet, start } from './start.ts';

/** A fleet with what must be up before it and down after it, such as a stand-in for a third party. */
export interface Launch {
  readonly fleet: Fleet;
  /** What the place decides, such as `store` and `bus`. Default embedded. */
  readonly options?: StartOptions;
  /** Called before the fleet starts, with the settings that it gets. Not called when a tool only looks at the fleet. */
  readonly before?: (settings: { readonly dir: string; readonly host: string }) => unknown;
  /** Called after it has stopped, and after a start that failed. */
  readonly after?: () => unknown;
}

/** What the default export of a fleet file may be; `seaworthy` runs it. */
export type FleetFile = Fleet | Launch | (() => Fleet | Launch | Promise<Fleet | Launch>);

const isFleet = (value: unknown): value is Fleet =>
  typeof value === 'object' && value !== null && Array.isArray((value as Partial<Fleet>).services);

/** What a fleet file exports, as a launch. Throws `FleetInvalid` when it is none; nothing of it is started yet. */
export async function launchOf(exported: unknown): Promise<Launch> {
  const given: unknown = typeof exported === 'function' ? await exported() : exported;
  if (isFleet(given)) return { fleet: given };
  if (typeof given === 'object' && given !== null && isFleet((given as Partial<Launch>).fleet)) return given as Launch;
  throw new FleetInvalid(
    'the default export is neither a fleet, nor `{ fleet }`, nor a function that gives one: export what `fleet()` made',
  );
}

/** Starts a fleet between its `before` and its `after`. Each option that is `given` replaces that of the launch. Throws what `start` throws. */
export async function launch({ fleet, options = {}, before, after }: Launch, given: StartOptions = {}): Promise<RunningFleet> {
  const all = merged(options, given);
  try {
    await before?.({ dir: all.dir ?? '.seaworthy', host: all.listen?.host ?? '127.0.0.1' });
    const running = await start(fleet, all);
    let stopped: Promise<void> | undefined;
    const stop = (): Promise<void> => {
      stopped ??= running.stop().finally(async () => void (await after?.()));
      return stopped;
    };
    return { ...running, stop };
  } catch (error) {
    await after?.();
    throw error;
  }
}
