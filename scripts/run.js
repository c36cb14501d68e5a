// Plain JavaScript that any Node can read: it says what is wrong before anything newer is loaded.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 19)) {
  process.stderr.write(
    `Seaworthy needs Node 22.19 or newer, and this is ${process.versions.node}: run it with "npm run", which takes the Node 24 that "npm ci" has put into node_modules, or install a newer Node.\n`,
  );
  process.exit(1);
}
const [, , file, ...rest] = process.argv;
if (!file) {
  process.stderr.write('usage: node scripts/run.js FILE [ARGUMENT...]\n');
  process.exit(1);
}
// The warnings say that type stripping and SQLite are young; nobody who runs this can act on them.
const { emitWarning } = process;
process.emitWarning = (warning, ...more) => {
  if (more[0] !== 'ExperimentalWarning' && more[0]?.type !== 'ExperimentalWarning') emitWarning.call(process, warning, ...more);
};
// What was stripped and compiled once is kept for the next start: half the time, and a fifth of the memory.
const { enableCompileCache } = await import('node:module');
enableCompileCache();
const { resolve } = await import('node:path');
const { pathToFileURL } = await import('node:url');
process.argv = [process.argv[0], resolve(file), ...rest];
await import(pathToFileURL(resolve(file)).href);
