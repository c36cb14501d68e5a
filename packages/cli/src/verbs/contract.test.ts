import assert from 'node:assert/strict';
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type ContractLock, readLock } from 'seaworthy/compatibility';
import { called, type Ended, folder, harbour, seaworthy } from '../command.fixture.ts';

const { path: dir, remove } = folder();
after(remove);
const own = join(dir, 'fleet.ts');
const lock = join(dir, 'contract.lock.json');
const contract = (...args: string[]): Promise<Ended> => called(['contract', ...args], { cwd: dir });
/** Runs the command in its own process, which loads the fleet file as it is now. */
const alone = (...args: string[]): Promise<Ended> => seaworthy(['contract', ...args], { cwd: dir });

/** Writes the fleet file of the harbour to the test's folder, with a change. */
const write = (change: (text: string) => string = (text) => text): void => writeFileSync(own, change(readFileSync(harbour, 'utf8')));

before(async () => {
  symlinkSync(fileURLToPath(new URL('../../../../node_modules', import.meta.url)), join(dir, 'node_modules'));
  cpSync(harbour, own);
  writeFileSync(join(dir, 'package.json'), '{"type":"module"}');
  const { out, status } = await alone('print', '--lock');
  assert.deepEqual([out, status], ['contract.lock.json has 2 contracts: docks, ships\n', 0]);
});

test('print prints operations, events and schemas of all or some services as JSON', async () => {
  const all = JSON.parse((await contract('print')).out) as ContractLock;
  assert.deepEqual(all, readLock(JSON.parse(readFileSync(lock, 'utf8')), lock));
  assert.deepEqual(Object.keys(all.contracts['ships']?.operations ?? {}), ['arrive']);
  assert.equal(all.contracts['ships']?.events['arrived']?.key, 'name');
  const some = JSON.parse((await contract('print', 'docks')).out) as ContractLock;
  assert.deepEqual(Object.keys(some.contracts), ['docks']);
});

test('print prints the OpenAPI document of the gateway or of one service, and the AsyncAPI document of the events', async () => {
  const document = async (...args: string[]): Promise<{ openapi?: string; asyncapi?: string; paths?: object }> =>
    JSON.parse((await contract('print', ...args)).out);
  const gateway = await document('--as', 'openapi');
  assert.match(gateway.openapi ?? '', /^3\.1/);
  assert.ok(Object.keys(gateway.paths ?? {}).includes('/ships/{name}'));
  assert.deepEqual(Object.keys((await document('docks', '--as', 'openapi')).paths ?? {}), ['/docks']);
  assert.match((await document('--as', 'asyncapi')).asyncapi ?? '', /^3\./);
});

test('check compares the lock with the fleet file and ends with 0 if they are compatible, else with 1, place and advice', async () => {
  write();
  const same = await alone('check');
  assert.deepEqual([same.out, same.status], ['compatible: docks, ships\n', 0]);
  write((text) => text.replace('tons: z.int(), papers', 'tons: z.int(), flag: z.string(), papers'));
  const broken = await alone('check');
  assert.equal(broken.status, 1);
  assert.match(broken.out, /^breaking {2}ships\.arrive\.input\.flag {2}required\n {2}it must be there now, .*\n {2}→ make it optional/m);
  assert.match(broken.out, /\d breaking, 0 undecided, in 2 contracts\n$/);
  const changed = join(dir, 'changed.ts');
  cpSync(own, changed);
  const findings = JSON.parse((await contract('check', lock, changed, '--json')).out) as readonly { readonly place: string }[];
  assert.ok(findings.some(({ place }) => place === 'ships.arrived.data.flag'));
  assert.equal((await contract('check', harbour, changed)).status, 1, 'two fleet files are compared as well');
});

test('check ends with 0 when places are undecided, and with 1 under --strict', async () => {
  const bound = (pattern: string): string => {
    const text = readFileSync(lock, 'utf8').replaceAll('"name": {\n', `"name": {\n "pattern": "${pattern}",\n`);
    const path = join(dir, `${pattern}.json`);
    writeFileSync(path, text);
    return path;
  };
  const [one, other] = [bound('ab'), bound('abc')];
  const lenient = await contract('check', one, other);
  assert.equal(lenient.status, 0);
  assert.match(lenient.out, /^undecided {2}ships\.arrive\.input\.name {2}pattern$/m);
  assert.equal((await contract('check', one, other, '--strict')).status, 1);
});

test('wrong arguments of contract are refused', async () => {
  writeFileSync(join(dir, 'no.json'), '{}');
  const wrong: readonly (readonly [readonly string[], number, RegExp])[] = [
    [['check', 'nowhere.json'], 2, /there is no file nowhere\.json/],
    [['check', 'no.json'], 1, /no\.json is not a contract lock \(lockVersion is undefined and must be 1\)/],
    [['print', 'quay'], 2, /the fleet has no service quay: it has ships, docks/],
    [['print', '--fleet', 'none.ts'], 2, /there is no file .*none\.ts/],
    [['print', 'ships', 'docks', '--as', 'openapi'], 2, /an OpenAPI document describes one service: name one of ships, docks/],
    [['print', '--as', 'openapi', '--lock'], 2, /leave out --as openapi/],
    [['print', '--as', 'wsdl'], 2, /Allowed choices are json, openapi, asyncapi/],
    [['print', '--lok'], 2, /unknown option '--lok'/],
  ];
  for (const [args, status, message] of wrong) {
    const ended = await contract(...args);
    assert.equal(ended.status, status, `${args.join(' ')}: ${ended.out}${ended.err}`);
    assert.match(ended.err, message);
  }
});
