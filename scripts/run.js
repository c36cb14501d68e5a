// Plain JavaScript that any Node can read: it says what is wrong before anything newer is loaded.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 19)) {
  process.stderr.write(
    `Seaworthy needs Node 22.19 or newer, and this is ${process.versions.node}: run it with "npm run", which takes the Node 24 that "npm ci" has put into node_modules, or install a newer Node.\n`,
  );
  process.exit(1);
}
// With --warm it only loads the file, so that the first start with the same flags finds everything stripped and compiled.
const [, , ...given] = process.argv;
const warm = given[0] === '--warm';
const [file, ...rest] = warm ? given.slice(1) : given;
if (!file) {
  process.stderr.write('usage: node scripts/run.js FILE [ARGUMENT...]\n       node scripts/run.js --warm FILE\n');
  process.exit(1);
}
// The warnings say that type stripping and SQLite are young; nobody who runs this can act on them.
const { emitWarning } = process;
process.emitWarning = (warning, ...more) => {
  if (more[0] !== 'ExperimentalWarning' && more[0]?.type !== 'ExperimentalWarning') emitWarning.call(process, warning, ...more);
};
// What was stripped and compiled once is kept for the next start: half the time, and a fifth of the memory.
const { enableCompileCache } = await import('node:module');
const { join, resolve } = await import('node:path');
const { pathToFileURL } = await import('node:url');
enableCompileCache(join(import.meta.dirname, '../node_modules/.cache/compiled'));
process.argv = [process.argv[0], resolve(file), ...rest];
// A file that does something by itself when it is loaded has no default export, and cannot be warmed.
const { default: main } = await import(pathToFileURL(resolve(file)).href);
if (!warm) await main?.();
