#!/usr/bin/env node
// Plain JavaScript that any Node can read: it says what is wrong before anything newer is loaded.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 19)) {
  process.stderr.write(`seaworthy needs Node 22.19 or newer, and this is ${process.versions.node}: install a newer Node.\n`);
  process.exit(2);
}
// The warnings say that type stripping and SQLite are young; nobody who runs this can act on them.
const { emitWarning } = process;
process.emitWarning = (warning, ...more) => {
  if (more[0] !== 'ExperimentalWarning' && more[0]?.type !== 'ExperimentalWarning') emitWarning.call(process, warning, ...more);
};
// What was compiled once is kept for the next start.
const { enableCompileCache } = await import('node:module');
enableCompileCache();
const { main } = await import('#main');
await main(process.argv.slice(2));
