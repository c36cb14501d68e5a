import { shopStorm } from './play.ts';
await shopStorm(Number(process.argv[2]), { trace: (line) => console.log(line) }).then(console.log, console.log);
