// The suites of the ports over three drivers that use nothing but published subpaths.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { conformance as busConformance } from 'seaworthy/bus/conformance';
import { transportConformance } from 'seaworthy/client/conformance';
import { conformance as storeConformance } from 'seaworthy/store/conformance';
import { queues } from './bus.ts';
import { connect } from './connect.ts';
import { files } from './store.ts';

describe('files', () => {
  const fresh = async () => {
    const dir = await mkdtemp(join(tmpdir(), 'files-'));
    return { driver: files(dir), end: () => rm(dir, { recursive: true }) };
  };
  for (const { name, run } of storeConformance(fresh)) test(name, run);
});

describe('queues', () => {
  const fresh = () => {
    const driver = queues();
    return { driver, send: driver.send, headers: true };
  };
  for (const { name, run } of busConformance(fresh)) test(name, run);
});

describe('a port', () => {
  for (const { name, run } of transportConformance(connect)) test(name, run);
});
