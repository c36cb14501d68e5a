/** Resolves with the name of the first SIGTERM or SIGINT, or when npm runs the command and has died of a signal without passing it on. */
export function stopAsked(): Promise<string> {
  return new Promise((resolve) => {
    process.on('SIGTERM', resolve);
    process.on('SIGINT', resolve);
    const parent = process.ppid;
    if (process.env['npm_lifecycle_event'] !== undefined)
      setInterval(() => process.ppid !== parent && resolve('npm has ended'), 200).unref();
  });
}
