import { shopStorm } from './play.ts';

let ms = 0;
const t = performance.now();
for (let seed = 1; seed <= 25; seed++) await shopStorm(seed).then((r) => (ms += r.elapsedMs), console.log);
console.log(ms / 25, (performance.now() - t) / 25, process.cpuUsage());
