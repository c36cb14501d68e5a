import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { backup as copy, DatabaseSync } from 'node:sqlite';
import type { Service } from 'seaworthy/service';
import { FilesInTheWay, UsageInvalid } from './errors.ts';
import { displayPath, locate } from './fleet-file.ts';
import { load } from './load.ts';
import { nameOf } from './services.ts';
import { givenSettings, settings } from './settings.ts';
import { counted, formatDuration, print, printJson } from './terminal.ts';

/** The longest wait for the write lock of each database. */
const busyMs = 10_000;

/**
 * Opens a snapshot of each database, all of the same moment: the backup holds all write locks while the snapshots are taken, so that
 * nothing commits in between. It releases the locks before it copies.
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
    // Every backup takes the locks in the order of the names, so that two backups cannot deadlock.
    for (const lock of locks) lock.exec('begin immediate');
    for (const reader of readers) {
      reader.exec('begin');
      // A deferred transaction takes its snapshot at its first read.
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

const adviceFor = (services: readonly string[]): string =>
  `back up ${services.join(', ')} with the tools of their database, such as pg_dump for PostgreSQL`;

/** Copies the embedded databases of a fleet as of one moment, whether the fleet runs or not. */
export async function backup(
  target: string,
  { fleet, json, ...given }: { readonly fleet?: string; readonly dir?: string; readonly json?: boolean },
): Promise<void> {
  const launch = await load(locate(fleet));
  const { dir } = settings(givenSettings(given), launch.options);
  const folder = resolve(target);
  if (existsSync(folder) && readdirSync(folder).length > 0)
    throw new FilesInTheWay(`${displayPath(folder)} is not empty: name a new or an empty folder`);
  const isEmbedded = (service: Service): boolean => service.store === undefined && launch.options?.store === undefined;
  const services = launch.fleet.services.filter(isEmbedded).map(nameOf);
  const elsewhere = launch.fleet.services.filter((service) => !isEmbedded(service)).map(nameOf);
  // Without the databases of its services the log of events is of no use.
  if (services.length === 0) throw new UsageInvalid(`no database of the fleet is embedded: ${adviceFor(elsewhere)}`);
  const names = [...services, ...(launch.options?.bus === undefined ? ['bus'] : [])]
    .sort()
    .filter((name) => existsSync(join(dir, `${name}.db`)));
  if (names.length === 0) throw new UsageInvalid(`${displayPath(dir)} has no embedded database of the fleet: name its folder with --dir`);
  const { readers, heldMs } = atOneMoment(names.map((name) => join(dir, `${name}.db`)));
  try {
    mkdirSync(folder, { recursive: true });
    for (const [index, reader] of readers.entries()) await copy(reader, join(folder, `${names[index]}.db`));
  } finally {
    for (const reader of readers) reader.close();
  }
  if (json) return printJson({ folder, databases: names, elsewhere, heldMs });
  print(
    `${counted(names.length, 'database')} (${names.join(', ')}) as of one moment in ${displayPath(folder)}; commits waited ${formatDuration(heldMs)}`,
  );
  if (elsewhere.length > 0) print(`not every service is in it: ${adviceFor(elsewhere)}`);
}
