import { parentPort, workerData } from 'node:worker_threads';
import { shopStorm } from './play.ts';

/** Plays the seeds that it gets, one after the other. */
const { instances } = workerData as { readonly instances: number };

parentPort?.on('message', async (seed: number | undefined) => {
  if (seed === undefined) return parentPort?.close();
  try {
    parentPort?.postMessage({ report: await shopStorm(seed, { instances }) });
  } catch (error) {
    parentPort?.postMessage({ seed, failed: (error as Error).message });
  }
});
parentPort?.postMessage('ready');
