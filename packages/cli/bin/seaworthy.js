#!/usr/bin/env node
// This file is plain JavaScript that any Node can read, so that the check comes before anything newer is loaded.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 19)) {
  process.stderr.write(`seaworthy needs Node 22.19 or newer, and this is ${process.versions.node}: install a newer Node.\n`);
  process.exit(2);
}
// Node warns that type stripping and SQLite are experimental; a user of the command cannot act on that.
const { emitWarning } = process;
process.emitWarning = (warning, ...more) => {
  if (more[0] !== 'ExperimentalWarning' && more[0]?.type !== 'ExperimentalWarning') emitWarning.call(process, warning, ...more);
};
// The cache keeps compiled code for the next start.
const { enableCompileCache } = await import('node:module');
enableCompileCache();
const { main } = await import('#main');
await main(process.argv.slice(2));
