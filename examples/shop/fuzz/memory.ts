/** The memory of the shop's process, in MiB. */
export interface Memory {
  readonly start: number;
  readonly peak: number;
  readonly end: number;
}

const everyMs = 250;

async function residentOf(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const bytes = Number(/^process_resident_memory_bytes (\d+)/m.exec(text)?.[1]);
  return Math.round(bytes / 1024 / 1024);
}

/** Watches the memory of the shop at `url` by its metrics, until it is stopped. */
export async function watch(url: string): Promise<() => Promise<Memory>> {
  const start = await residentOf(url);
  let peak = start;
  let last = Promise.resolve();
  const timer = setInterval(() => {
    last = residentOf(url).then(
      (now) => {
        peak = Math.max(peak, now);
      },
      () => {}, // whoever reads it at the end is told
    );
  }, everyMs);
  return async () => {
    clearInterval(timer);
    await last;
    const end = await residentOf(url);
    return { start, peak: Math.max(peak, end), end };
  };
}
