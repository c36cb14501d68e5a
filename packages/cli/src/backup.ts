import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { backup as copy, DatabaseSync } from 'node:sqlite';
import { FilesInTheWay, UsageInvalid } from './errors.ts';
import { locate, shortly } from './fleet-file.ts';
import { load } from './load.ts';
import { nameOf } from './services.ts';
import { settings, told } from './settings.ts';
import { counted, lasting, print, printJson } from './terminal.ts';

/** How long each database may keep the backup waiting for its write lock. */
const busyMs = 10_000;

/**
 * Opens all databases at one moment: while the backup holds the write locks of all of them, nothing can be committed anywhere, and each
 * reader takes its snapshot. The locks are given back before anything is copied.
 */
function atOneMoment(paths: readonly string[]): { readonly readers: readonly DatabaseSync[]; readonly heldMs: number } {
  const readers: DatabaseSync[] = [];
  const locks: DatabaseSync[] = [];
  try {
    for (const path of paths) {
      const lock = new DatabaseSync(path, { timeout: busyMs });
      locks.push(lock);
      readers.push(new DatabaseSync(path, { timeout: busyMs }));
    }
    const began = performance.now();
    // In the order of their names, as any other backup does: two of them never wait for each other.
    for (const lock of locks) lock.exec('begin immediate');
    for (const reader of readers) {
      reader.exec('begin');
      // A deferred transaction has its snapshot from its first read on.
      reader.prepare('select count(*) from sqlite_schema').get();
    }
    return { readers, heldMs: performance.now() - began };
  } catch (error) {
    for (const reader of readers) reader.close();
    throw error;
  } finally {
    for (const lock of locks) lock.close();
  }
}

/** Copies the embedded databases of a fleet as they were at one moment, beside a fleet that runs or without one. */
export async function backup(
  target: string,
  { fleet, json, ...given }: { readonly fleet?: string; readonly dir?: string; readonly json?: boolean },
): Promise<void> {
  const launch = await load(locate(fleet));
  const { dir } = settings(told(given), launch.options);
  const folder = resolve(target);
  if (existsSync(folder) && readdirSync(folder).length > 0)
    throw new FilesInTheWay(`${shortly(folder)} is not empty: name a new or an empty folder for each backup`);
  const services = launch.fleet.services
    .filter((service) => service.store === undefined && launch.options?.store === undefined)
    .map(nameOf);
  const names = [...services, ...(launch.options?.bus === undefined ? ['bus'] : [])]
    .sort()
    .filter((name) => existsSync(join(dir, `${name}.db`)));
  if (names.length === 0) throw new UsageInvalid(`${shortly(dir)} has no embedded database of the fleet: name its folder with --dir`);
  const { readers, heldMs } = atOneMoment(names.map((name) => join(dir, `${name}.db`)));
  try {
    mkdirSync(folder, { recursive: true });
    for (const [index, reader] of readers.entries()) await copy(reader, join(folder, `${names[index]}.db`));
  } finally {
    for (const reader of readers) reader.close();
  }
  if (json) return printJson({ folder, databases: names, heldMs });
  print(
    `${counted(names.length, 'database')} (${names.join(', ')}) as of one moment in ${shortly(folder)}; commits waited ${lasting(heldMs)}`,
  );
}
