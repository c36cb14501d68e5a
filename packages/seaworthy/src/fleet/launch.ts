import { type Fleet, FleetInvalid } from './fleet.ts';
import { merged, type StartOptions } from './options.ts';
import { type RunningFleet, start } from './start.ts';

/** A fleet with code to run before its start and after its stop, such as a stand-in for a third party. */
export interface Launch {
  readonly fleet: Fleet;
  /** The options of `start` that depend on the environment, such as `store` and `bus`. Default embedded. */
  readonly options?: StartOptions;
  /** Called before the fleet starts, with the settings that it gets. A tool that only reads the fleet does not call it. */
  readonly before?: (settings: { readonly dir: string; readonly host: string }) => unknown;
  /** Called after the fleet has stopped, and after a start that failed. */
  readonly after?: () => unknown;
}

/** What the default export of a fleet file may be. The command `seaworthy` runs it. */
export type FleetFile = Fleet | Launch | (() => Fleet | Launch | Promise<Fleet | Launch>);

const isFleet = (value: unknown): value is Fleet =>
  typeof value === 'object' && value !== null && Array.isArray((value as Partial<Fleet>).services);

/** Makes a launch of what a fleet file exports. Starts nothing. Throws `FleetInvalid` when the export is something else. */
export async function launchOf(exported: unknown): Promise<Launch> {
  const given: unknown = typeof exported === 'function' ? await exported() : exported;
  if (isFleet(given)) return { fleet: given };
  if (typeof given === 'object' && given !== null && isFleet((given as Partial<Launch>).fleet)) return given as Launch;
  throw new FleetInvalid(
    'the default export is neither a fleet, nor `{ fleet }`, nor a function that gives one: export the result of `fleet()`',
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
    return { ...running, stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await after?.();
    throw error;
  }
}
