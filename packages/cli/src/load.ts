import { pathToFileURL } from 'node:url';
import { type Launch, launchOf } from 'seaworthy/fleet';
import { FleetUnusable } from './errors.ts';
import { shortly } from './fleet-file.ts';

/** Loads a fleet file; nothing of it is started. Throws `FleetUnusable` when it cannot be loaded, or exports no fleet. */
export async function load(file: string): Promise<Launch> {
  let exported: { readonly default?: unknown };
  try {
    exported = (await import(pathToFileURL(file).href)) as typeof exported;
  } catch (cause) {
    throw new FleetUnusable(`${shortly(file)} cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
  try {
    return await launchOf(exported.default);
  } catch (cause) {
    throw new FleetUnusable(`${shortly(file)} gives no fleet: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}
