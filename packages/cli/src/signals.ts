/** Resolves at the first SIGTERM or SIGINT with its name, or when the npm that runs this has died of one without telling. */
export function stopAsked(): Promise<string> {
  return new Promise((resolve) => {
    process.on('SIGTERM', resolve);
    process.on('SIGINT', resolve);
    const parent = process.ppid;
    if (process.env['npm_lifecycle_event'] !== undefined)
      setInterval(() => process.ppid !== parent && resolve('the end of npm'), 200).unref();
  });
}
